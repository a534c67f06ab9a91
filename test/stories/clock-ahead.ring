# Node 0's clock is an hour ahead. A later write through a node with the right time still wins.
# rf: 2,3
skew 0 3600000
put apple early via 0
put apple late via 1
expect apple late via 0
expect apple late via 1
expect apple late via 2
put cherry early via 0
put cherry late via 2
expect cherry late via 0
put mango here via 0
delete mango via 1
expect mango None via 0
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

# Also when the node that is ahead has gone: its lead is in the records that it wrote.
put apple "from the future" via 0
fail 0
put apple "from now" via 2
expect apple "from now" via 1
recover 0
converge
expect apple "from now" via 0
expect apple "from now" via 1
expect apple "from now" via 2
