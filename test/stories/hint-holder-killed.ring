# A replica misses a write; whoever keeps the hint for it is killed before it can deliver. The hint is on disk: it is
# delivered once its holder is back, and the replica has the write on its own disk.
# rf: 2,3
put apple old
put cherry old
converge

# At factor 2 apple's fallback node, 2, holds the hint for 1; at factor 3 one of the replicas does.
fail 1
put apple new via 0
fail 2
recover 1
expect apple new via 1
recover 2
converge
fail 0
fail 2
expect apple new via 1
recover 0
recover 2

# Target and every possible holder down at once; they come back in another order.
fail 1
put cherry new via 0
delete apple via 0
fail 0
fail 2
expect cherry None          # nobody left
recover 2
recover 0
recover 1
converge
expect cherry new via 0
expect cherry new via 1
expect cherry new via 2
expect apple None via 1
fail 0
fail 2
expect cherry new via 1
expect apple None via 1
