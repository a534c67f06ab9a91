# The seed's example: a value survives the failure of a node, is overwritten meanwhile, and the node catches up.
# rf: 2,3
put user1 alice
expect user1 alice
fail 2                      # the home node of user1
expect user1 alice
put user1 bob
expect user1 bob via 0
expect user1 bob via 1
recover 2
converge
expect user1 bob via 0
expect user1 bob via 1
expect user1 bob via 2
delete user1
expect user1 None
converge
expect user1 None via 0
expect user1 None via 1
expect user1 None via 2
