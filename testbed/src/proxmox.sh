# What makes a node a Proxmox node; a part of node.sh.

mkdir -p /etc/pve/nodes /etc/pve/ha "$site/pve/nodes/$name/qemu-server" "$site/pve/nodes/$name/lxc" "$site/pve/ha"
mount --bind "$site/pve/nodes" /etc/pve/nodes
mount --bind "$site/pve/ha" /etc/pve/ha
ln -s "nodes/$name" /etc/pve/local
ln -s "nodes/$name/qemu-server" /etc/pve/qemu-server
ln -s "nodes/$name/lxc" /etc/pve/lxc
if [ "$nodes" = 1 ]; then
  printf '{\n"nodename": "%s",\n"version": 0\n}\n' "$name"
else
  printf '{\n"nodename": "%s",\n"version": 4,\n' "$name"
  printf '"cluster": { "name": "testbed", "version": %s, "nodes": %s, "quorate": 1 }\n}\n' "$nodes" "$nodes"
fi >/etc/pve/.members
printf '%s\n%s\n' "$site" "$name" >/etc/testbed
: >/usr/sbin/pveversion
# One program, by its names.
for program in qm pct lxc-info lxc-attach; do
  : >"/usr/sbin/$program"
  mount --bind "$qm" "/usr/sbin/$program"
done
mkdir -p /run/lock/lxc /run/lxc
cat >/usr/sbin/pveversion <<'EOF'
#!/bin/sh
echo "pve-manager/8.4.21/testbed (running kernel: $(uname -r))"
EOF
chmod 755 /usr/sbin/pveversion

# What is to run when the hypervisor boots (`onboot`).
start_guests() {
  for conf in /etc/pve/qemu-server/*.conf /etc/pve/lxc/*.conf; do
    if grep -qs '^onboot: 1' "$conf" && [ -e "$d/booted" ]; then
      vmid=${conf##*/}
      case $conf in */lxc/*) manager=pct ;; *) manager=qm ;; esac
      "$manager" start "${vmid%.conf}" || true
    fi
  done
}

# With its hypervisor a guest goes down as well, and is not asked for long.
stop_guests() {
  for pid in /run/qemu-server/*.pid; do
    [ -e "$pid" ] || continue
    vmid=${pid##*/}
    qm shutdown "${vmid%.pid}" --timeout 20 --forceStop 1 &
    told="${told-} $!"
  done
  # shellcheck disable=SC2086
  [ -z "${told-}" ] || wait $told || true
}
