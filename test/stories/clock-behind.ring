# Node 0's clock is an hour behind. What it writes later still wins over what others wrote earlier.
# rf: 2,3
skew 0 -3600000
put apple early via 1
put apple late via 0
expect apple late via 0
expect apple late via 1
expect apple late via 2
put cherry early via 2
put cherry late via 0
expect cherry late via 1
put mango here via 1
delete mango via 0
expect mango None via 2
converge
expect apple late via 0
expect apple late via 1
expect apple late via 2
expect cherry late via 0
expect cherry late via 1
expect cherry late via 2
expect mango None via 0
expect mango None via 1
expect mango None via 2

# The node starts again, still an hour behind, and overwrites what was written while it was away.
fail 0
put apple "while it was away"
recover 0
put apple last via 0
converge
expect apple last via 0
expect apple last via 1
expect apple last via 2
