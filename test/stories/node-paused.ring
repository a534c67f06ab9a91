# A node stalls in the middle of writes and goes on later, as if nothing had been. Nobody waits for it for long, and it
# brings nothing old back.
# rf: 2,3
put apple 1
put cherry 1
put mango 1
converge

pause 1
put apple 2
put cherry 2
put mango 2
put apple 3
delete cherry
expect apple 3 via 0
expect apple 3 via 2
expect cherry None via 0
expect mango 2 via 2
resume 1
expect apple 3 via 1
converge
expect apple 3 via 0
expect apple 3 via 1
expect apple 3 via 2
expect cherry None via 0
expect cherry None via 1
expect cherry None via 2

pause 0
put mango 4
put cherry 4
expect mango 4 via 1
expect mango 4 via 2
resume 0
converge
expect mango 4 via 0
expect cherry 4 via 0
