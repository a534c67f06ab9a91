# A node loses its directory and is started on an empty one. It is whole again without any request from a client:
# afterwards it answers alone.
# rf: 2,3
put apple 1
put cherry 2
put banana 3
put plum 4
put grape gone
delete grape
converge

wipe 1
converge
fail 0
fail 2
expect apple 1 via 1        # node 1 is a replica of all five at either factor
expect cherry 2 via 1
expect banana 3 via 1
expect plum 4 via 1
expect grape None via 1
recover 0
recover 2
converge

# Wiped while it was down, after it missed a write.
fail 1
put cherry 5
wipe 1
converge
fail 0
fail 2
expect apple 1 via 1
expect cherry 5 via 1
