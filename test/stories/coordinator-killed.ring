# The coordinator is killed right after it acknowledged. What it acknowledged is there: without it, and with it again.
# rf: 2,3
put apple first via 0
fail 0
expect apple first via 1
expect apple first via 2
recover 0

put cherry first via 1
fail 1
expect cherry first via 0
expect cherry first via 2
recover 1

put mango first via 1       # at factor 2 the coordinator is no replica of mango
fail 1
expect mango first via 0
expect mango first via 2
recover 1

put apple second via 2
delete cherry via 2
fail 2
expect apple second via 0
expect cherry None via 1
recover 2

converge
expect apple second via 0
expect apple second via 1
expect apple second via 2
expect cherry None via 0
expect cherry None via 1
expect cherry None via 2
expect mango first via 0
expect mango first via 1
expect mango first via 2
