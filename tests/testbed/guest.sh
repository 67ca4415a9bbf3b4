#!/bin/sh
# Process 1 of a guest of the test bed: sh guest.sh BED HYPERVISOR ID
#
# What it stands for: the guest's system inside QEMU, with its answer to the power button (USR1), to the agent's
# shutdown (USR2) and to a reset (HUP). The stand-in `qm` starts it, and it ends with its `kvm`.
#
# What the guest is like, one value a file in BED/nodes/HYPERVISOR/vms/ID:
#   node               the machine of the bed that runs in it; without one it has no sshd
#   acpi (works)       `ignored`: it does not hear the power button
#   agent (works)      `none`: no agent answers; `deaf`: it answers and does not shut down
#   boot_delay (0)     seconds until its system is up; before, it hears nothing
#   down_delay (0)     seconds that it takes to go down
bed=$1
v=$bed/nodes/$2/vms/$3
up=/run/qemu-server/$3.up
like() { cat "$v/$1" 2>/dev/null || echo "$2"; }

what=
off() { [ ! -e "$up" ] || [ "$1" != works ] || what=off; }
trap 'off "$(like acpi works)"' USR1
trap 'off "$(like agent works)"' USR2
trap 'what=reset' HUP

# Lets the signals above in while it waits.
rest() {
  sleep "$1" &
  wait "$!"
}

node=$(like node '')
while :; do
  rm -f "$up"
  what=
  [ -z "$node" ] || cat /proc/sys/kernel/random/uuid >"$bed/nodes/$node/boot_id"
  rest "$(like boot_delay 0)"
  if [ -n "$node" ]; then
    # Its standard input never ends: it lives as long as this process.
    sleep infinity | unshare --mount --pid --uts --ipc --fork --kill-child --mount-proc \
      sh "$bed/node.sh" "$bed" "$node" >>"$bed/nodes/$node/boot.log" 2>&1 &
  fi
  touch "$up"
  while [ -z "$what" ]; do rest 0.1; done
  rm -f "$up"
  [ "$what" != off ] || rest "$(like down_delay 0)"
  # All but this process.
  kill -s KILL -- -1 2>/dev/null
  [ "$what" != off ] || exit 0
done
