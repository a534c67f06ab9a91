# Every node is down: a read gives no value, a write is refused. Afterwards everything is as it was.
# rf: 2,3
put user1 alice
expect user1 alice
fail 0
fail 1
fail 2
expect user1 None
get user1
expect-error RING_UNAVAILABLE put user1 bob
expect-error RING_UNAVAILABLE delete user1
expect-error RING_UNAVAILABLE get user1 at quorum
recover 1
recover 0
recover 2
expect user1 alice via 0
expect user1 alice via 1
expect user1 alice via 2
put user1 bob
converge
expect user1 bob via 0
expect user1 bob via 1
expect user1 bob via 2
