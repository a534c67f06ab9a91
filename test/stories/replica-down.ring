# Each node is down in turn while keys of every home node are written: apple's home is 0, cherry's 1, mango's 2.
# Writes and reads go on, and the node has everything when it is back.
# rf: 2,3

fail 0
put apple while-0-was-down
put cherry while-0-was-down
put mango while-0-was-down
expect apple while-0-was-down via 1
expect cherry while-0-was-down via 1
expect mango while-0-was-down via 1
expect apple while-0-was-down via 2
expect cherry while-0-was-down via 2
expect mango while-0-was-down via 2
recover 0
expect apple while-0-was-down via 0
expect cherry while-0-was-down via 0
expect mango while-0-was-down via 0
converge
expect apple while-0-was-down via 0
expect cherry while-0-was-down via 0
expect mango while-0-was-down via 0
expect apple while-0-was-down via 1
expect cherry while-0-was-down via 1
expect mango while-0-was-down via 1
expect apple while-0-was-down via 2
expect cherry while-0-was-down via 2
expect mango while-0-was-down via 2

fail 1
put apple while-1-was-down
put cherry while-1-was-down
put mango while-1-was-down
expect apple while-1-was-down via 0
expect cherry while-1-was-down via 0
expect mango while-1-was-down via 0
expect apple while-1-was-down via 2
expect cherry while-1-was-down via 2
expect mango while-1-was-down via 2
recover 1
expect apple while-1-was-down via 1
expect cherry while-1-was-down via 1
expect mango while-1-was-down via 1
converge
expect apple while-1-was-down via 0
expect cherry while-1-was-down via 0
expect mango while-1-was-down via 0
expect apple while-1-was-down via 1
expect cherry while-1-was-down via 1
expect mango while-1-was-down via 1
expect apple while-1-was-down via 2
expect cherry while-1-was-down via 2
expect mango while-1-was-down via 2

fail 2
put apple while-2-was-down
put cherry while-2-was-down
put mango while-2-was-down
expect apple while-2-was-down via 0
expect cherry while-2-was-down via 0
expect mango while-2-was-down via 0
expect apple while-2-was-down via 1
expect cherry while-2-was-down via 1
expect mango while-2-was-down via 1
recover 2
expect apple while-2-was-down via 2
expect cherry while-2-was-down via 2
expect mango while-2-was-down via 2
converge
expect apple while-2-was-down via 0
expect cherry while-2-was-down via 0
expect mango while-2-was-down via 0
expect apple while-2-was-down via 1
expect cherry while-2-was-down via 1
expect mango while-2-was-down via 1
expect apple while-2-was-down via 2
expect cherry while-2-was-down via 2
expect mango while-2-was-down via 2

# Node 1 alone: it has what was written while it was down on its own disk (it is a replica of both at either factor).
fail 0
fail 2
expect apple while-2-was-down via 1
expect cherry while-2-was-down via 1
