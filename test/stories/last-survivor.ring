# Two of three nodes are down. The last one takes reads and writes; what it was given is everywhere when they are back.
# rf: 2,3
put cherry base             # node 2 is a replica of cherry and mango at either factor, of apple only at factor 3
put mango base
put apple base
converge
fail 0
fail 1
expect cherry base
expect mango base
put cherry survived
put apple survived
put pear survived
delete mango
expect cherry survived
expect apple survived
expect pear survived
expect mango None
put apple "survived, twice"
expect apple "survived, twice"
recover 0
recover 1
converge
expect cherry survived via 0
expect cherry survived via 1
expect cherry survived via 2
expect apple "survived, twice" via 0
expect apple "survived, twice" via 1
expect apple "survived, twice" via 2
expect pear survived via 0
expect pear survived via 1
expect mango None via 0
expect mango None via 1
expect mango None via 2

# And the survivor is no longer needed.
fail 2
expect cherry survived
expect apple "survived, twice"
expect pear survived
expect mango None
