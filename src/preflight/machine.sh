# machine
# Which machine this is, who has logged in, and how much room its root has, as key=value lines.
if read -r boot </proc/sys/kernel/random/boot_id; then echo "boot=$boot"; fi 2>/dev/null
# Containers of one host share its kernel, and so its boot.
if [ -r /etc/machine-id ]; then
  read -r id </etc/machine-id
  echo "id=$id"
fi
echo "uid=$(id -u)"
df -P -k -- / | while read -r device blocks used free rest; do
  case $free in
    *[!0-9]* | '') ;;
    *) echo "free=$free" ;;
  esac
done
