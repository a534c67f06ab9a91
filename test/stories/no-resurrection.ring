# A key is deleted while a replica that holds the old value is down. The replica comes back: the delete wins everywhere,
# also where only that replica is left to ask.
# rf: 2,3
put apple old               # replicas 0 and 1 at factor 2
put cherry old              # 1 and 2
put mango old               # 2 and 0
converge

fail 1
delete apple
expect apple None via 0
expect apple None via 2
recover 1
expect apple None via 1
converge
expect apple None via 0
expect apple None via 1
expect apple None via 2

fail 2
delete cherry
recover 2
converge
expect cherry None via 0
expect cherry None via 1
expect cherry None via 2

fail 0
delete mango via 2
recover 0
converge
expect mango None via 0
expect mango None via 1
expect mango None via 2

# Whoever held an old value is asked alone.
fail 0
fail 2
expect apple None via 1
recover 2
fail 1
expect cherry None via 2
recover 0
fail 2
expect mango None via 0
recover 1
recover 2
converge
expect apple None via 2
expect cherry None via 0
expect mango None via 1
