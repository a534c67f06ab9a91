# Node 2 writes with its clock an hour ahead, is killed, and starts again with its clock set back: to the right time, then
# to a day ago. It never issues a version twice, and what it writes later wins.
# rf: 2,3
skew 2 3600000
put mango future via 2
put cherry future via 2
fail 2
skew 2 0
recover 2
put mango present via 2
expect mango present via 0
expect mango present via 1
expect mango present via 2

fail 2
skew 2 -86400000
recover 2
put mango yesterday via 2
delete cherry via 2
expect mango yesterday via 0
converge
expect mango yesterday via 0
expect mango yesterday via 1
expect mango yesterday via 2
expect cherry None via 0
expect cherry None via 1
expect cherry None via 2

# All start anew while one clock is a day behind.
fail 0
fail 1
fail 2
recover 2
recover 1
recover 0
put mango today via 2
converge
expect mango today via 0
expect mango today via 1
expect mango today via 2
