#!/bin/sh
# Makes the disk of a Debian guest: sh build.sh DEBS ROOT IMAGE
#
# It runs in mount and PID namespaces of its own (`unshare`), so that what is mounted here ends with it. All packages are
# first laid out as they are, so that every maintainer script finds the programs that it calls, and then installed by the
# dpkg that is among them.
set -eu
debs=$1 root=$2 image=$3
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true
rm -rf "$root"
mkdir -p "$root/debs" "$root/dev" "$root/proc"
for name in bin lib lib64 sbin; do
  mkdir -p "$root/usr/$name"
  ln -s "usr/$name" "$root/$name"
done
for deb in "$debs"/*.deb; do
  dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink \
    --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' -C "$root"
done
mkdir -p "$root/etc/dpkg/dpkg.cfg.d"
printf 'path-exclude /usr/share/%s/*\n' doc man locale >"$root/etc/dpkg/dpkg.cfg.d/testbed"
: >"$root/var/lib/dpkg/status"
ln -s mawk "$root/usr/bin/awk"
# Nothing is started while packages are installed here.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

mount --bind "$debs" "$root/debs"
mount -t proc proc "$root/proc"
mount -t tmpfs dev "$root/dev"
for node in 'null 3' 'zero 5' 'random 8' 'urandom 9'; do
  mknod -m 666 "$root/dev/${node% *}" c 1 "${node#* }"
done
in_root() { chroot "$root" "$@" </dev/null; }
all=$(cd "$root" && ls debs/*.deb)
dpkg='dpkg --force-unsafe-io --force-confnew'
# Users and groups are there before anybody asks for one.
in_root $dpkg --force-depends --install $(cd "$root" && ls debs/base-passwd_*.deb)
in_root $dpkg --force-depends --unpack $all
in_root $dpkg --configure --pending

rm "$root/usr/sbin/policy-rc.d"
# Who the guest is, its seed says (`init`).
rm -f "$root"/etc/ssh/ssh_host_*
: >"$root/etc/machine-id"
echo 'UTC' >"$root/etc/timezone"
printf '/dev/vdb / ext4 defaults 0 0\n' >"$root/etc/fstab"
printf 'HostKey /etc/ssh/ssh_host_ed25519_key\nUseDNS no\nMaxStartups 1000\nMaxSessions 200\n' \
  >"$root/etc/ssh/sshd_config.d/testbed.conf"
cat >"$root/etc/systemd/network/eth0.network" <<END
[Match]
Name=eth0

[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
LinkLocalAddressing=no
IPv6AcceptRA=no
END
in_root systemctl enable systemd-networkd.service
# What would hold dpkg's locks when nobody expects it, and terminals that nobody reads.
in_root systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer getty.target
# The only source is one that a test makes, in the guest or on a node.
rm -f "$root/etc/apt/sources.list"
printf 'APT::Update::Post-Invoke-Success "";\nAcquire::Languages "none";\n' >"$root/etc/apt/apt.conf.d/testbed"
umount "$root/dev" "$root/proc" "$root/debs"
rmdir "$root/debs"

# Sparse: what is not written is not there. No room is kept for root, who is everybody here.
rm -f "$image.part"
truncate -s 8G "$image.part"
mkfs.ext4 -q -F -L root -m 0 -J size=16 -E lazy_itable_init=0,lazy_journal_init=0 -d "$root" "$image.part"
mv "$image.part" "$image"
rm -rf "$root"
