# Two sides of a partition write the same keys; each side reads its own. After the partition is healed the later write
# has won, on every node. (The sides share no message that would order writes of one millisecond: hence the sleeps.)
# rf: 2,3
put apple base
put cherry base
put mango base
converge

partition 0,1 | 2
put apple left via 0
sleep 10
put apple right via 2
put cherry right via 2
sleep 10
put cherry left via 1
put mango left via 0
sleep 10
delete mango via 2
expect apple left via 1
expect apple right via 2
expect cherry left via 0
expect cherry right via 2
expect mango left via 1
expect mango None via 2

heal
converge
expect apple right via 0
expect apple right via 1
expect apple right via 2
expect cherry left via 0
expect cherry left via 1
expect cherry left via 2
expect mango None via 0
expect mango None via 1
expect mango None via 2

# Everybody for himself.
partition 0 | 1 | 2
put apple zero via 0
sleep 10
put apple one via 1
sleep 10
put apple two via 2
expect apple zero via 0
expect apple one via 1
expect apple two via 2
heal
converge
expect apple two via 0
expect apple two via 1
expect apple two via 2
