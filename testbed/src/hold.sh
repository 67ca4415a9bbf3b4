#!/bin/sh
# Process 1 of a site's namespaces: sh hold.sh SITE stays|follows
#
# All of the site lives as long as this process. One that follows ends with its standard input, a pipe that the test holds
# however it ends.
ip link set lo up
# Every address of this network is local to the loopback, and there is no other network here.
ip addr add 10.77.0.1/16 dev lo
if [ "$2" = stays ]; then
  sleep infinity &
else
  exec 3<&0 </dev/null
  cat <&3 >/dev/null &
fi
touch "$1/ready"
wait "$!"
