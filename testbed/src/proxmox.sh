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
for program in qm pveversion; do : >"/usr/sbin/$program"; done
mount --bind "$qm" /usr/sbin/qm
cat >/usr/sbin/pveversion <<'EOF'
#!/bin/sh
echo "pve-manager/8.4.21/testbed (running kernel: $(uname -r))"
EOF
chmod 755 /usr/sbin/pveversion

# What is to run when the hypervisor boots (`onboot`).
start_guests() {
  for conf in /etc/pve/qemu-server/*.conf; do
    if grep -qs '^onboot: 1' "$conf" && [ -e "$d/booted" ]; then
      vmid=${conf##*/}
      qm start "${vmid%.conf}" || true
    fi
  done
}
