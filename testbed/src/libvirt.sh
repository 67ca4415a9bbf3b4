# What makes a node a host of libvirt; a part of node.sh.

# libvirt runs its guests as this user, where it is told nothing else, and looks for it in any case.
echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin' >>/etc/passwd
printf '%s\n' libvirt-qemu:x:64055: libvirt:x:64056: >>/etc/group
grep -q '^kvm:' /etc/group || echo 'kvm:x:64057:' >>/etc/group
mkdir -p "$d/libvirt" /etc/libvirt /var/lib/libvirt/qemu /var/log/libvirt/qemu /var/cache/libvirt
mount --bind "$d/libvirt" /etc/libvirt
mount -t tmpfs -o mode=755 cache /var/cache/libvirt
cat >/etc/libvirt/qemu.conf <<EOF
user = "root"
group = "root"
security_driver = "none"
namespaces = []
cgroup_controllers = []
remember_owner = 0
stdio_handler = "file"
EOF
# Each start of a guest is written down. libvirt also starts QEMU to see what it can do.
cat >/usr/sbin/qemu-testbed <<EOF
#!/bin/sh
for word in "\$@"; do
  case \$word in
  secret,id=guest*)
    word=\${word#secret,id=guest}
    echo "\$(date +%s.%3N) $name \${word%%,*} \$\$ virsh" >>"$site/starts.log"
    ;;
  esac
done
exec /usr/bin/qemu-system-x86_64 "\$@"
EOF
chmod 755 /usr/sbin/qemu-testbed
ldconfig

libvirtd -d
n=0
until virsh -q -c qemu:///system uri >/dev/null; do
  n=$((n + 1))
  [ "$n" -lt 100 ]
  sleep 0.1
done

# libvirtd has started those that are to run when their host boots.
start_guests() {
  :
}

stop_guests() {
  for domain in $(virsh -q -c qemu:///system list --name); do
    virsh -q -c qemu:///system shutdown "$domain" || true
  done
  n=0
  while [ -n "$(virsh -q -c qemu:///system list --name)" ] && [ "$n" -lt 200 ]; do
    n=$((n + 1))
    sleep 0.1
  done
}
