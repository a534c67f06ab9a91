# All nodes are killed at once and started again: what was acknowledged is on disk.
# rf: 2,3
put apple 1
put cherry 2
put mango 3
put pear 4
delete pear
put apple "one, again"
fail 0
fail 1
fail 2
expect apple None           # nobody left to ask
recover 0
recover 1
recover 2
expect apple "one, again"
expect cherry 2
expect mango 3
expect pear None
converge
expect apple "one, again" via 0
expect apple "one, again" via 1
expect apple "one, again" via 2
expect cherry 2 via 0
expect cherry 2 via 1
expect cherry 2 via 2
expect mango 3 via 0
expect mango 3 via 1
expect mango 3 via 2
expect pear None via 0
expect pear None via 1
expect pear None via 2
put apple after
expect apple after via 2
