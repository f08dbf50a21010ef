#!/bin/bash
# Mounts the data volume at /data, whatever device name it has, and formats it if it is blank.
# A disk with anything on it is never formatted; one with unknown contents is not touched.
#
#   data-volume.sh        mounts the volume
#   data-volume.sh grow   grows the file system to the size of the volume

set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C

root=${ONEBOX_ROOT:-}
fstab=$root/etc/fstab
# The disk's serial number is the volume's id without the dash.
serial=${VOLUME_ID/-/}
# Marks that formatting a blank disk has begun, so that it may be repeated if it is cut short.
begun=$root/var/lib/onebox/formatting-$serial
disk_attempts=${DISK_ATTEMPTS:-150}

main() {
  disk=$(await_disk)
  case ${1:-mount} in
    mount) make_ready ;;
    grow) grow ;;
    *) fail "Unknown command $1: use mount or grow" ;;
  esac
}

make_ready() {
  if ! mounted_disk >/dev/null; then
    format_if_blank
    enter_in_fstab
    timeout 400 systemctl start data.mount
  fi
  [[ $(mounted_disk) == "$disk" ]] ||
    fail "Another disk than $disk is mounted at /data: unmount or detach it"
  grow
  set_owners "$root/data"
}

# On another image, the user may have another number. The certificate is root's, and so is the folder
# above it, or the user could put another in its place.
set_owners() { # FOLDER
  mkdir -p "$1/tls"
  chown --recursive --no-dereference onebox:onebox "$1"
  chown --recursive --no-dereference root "$1/tls"
  chown root "$1"
  chmod 1770 "$1"
  chmod 2750 "$1/tls"
}

# Waits for the volume's disk, which may be attached minutes after boot.
await_disk() {
  local attempt found
  for (( attempt = 0; attempt < disk_attempts; attempt++ )); do
    found=$(lsblk --nodeps --noheadings --paths --output NAME,SERIAL |
      awk -v serial="$serial" '$2 == serial { print $1; exit }')
    [[ -z $found ]] || break
    (( attempt > 0 )) || echo "Waiting for the disk with the serial number $serial" >&2
    sleep 2
  done
  [[ -n $found ]] || fail "No disk has the serial number $serial: attach $VOLUME_ID"
  echo "$found"
}

format_if_blank() {
  local found status=0
  found=$(blkid --probe --output export "$disk") || status=$?
  if (( status == 0 )) && [[ $found == *$'\nTYPE=ext4'* ]]; then return; fi
  # 2 means that blkid recognizes nothing.
  if (( status == 2 )) && { [[ -e $begun ]] || is_zero; }; then
    format
  else
    fail "$disk ($VOLUME_ID) is neither blank nor ext4, so it was left untouched:" \
      "attach another volume or, if you need nothing on this one, erase it with" \
      "sudo wipefs --all $disk; sudo dd if=/dev/zero of=$disk bs=1M count=1 oflag=direct"
  fi
}

is_zero() {
  cmp --silent --bytes=1048576 "$disk" /dev/zero
}

# mkfs writes the ext4 signature last. Until then, the mark allows formatting again.
format() {
  mkdir -p "${begun%/*}"
  touch "$begun"
  sync --file-system "$begun"
  echo "$disk is blank: formatting it"
  mkfs.ext4 -q -F -m 0 -L onebox-data "$disk"
  sync "$disk"
  rm "$begun"
}

enter_in_fstab() {
  local uuid line
  uuid=$(blkid --probe --match-tag UUID --output value "$disk")
  line="UUID=$uuid /data ext4 noatime,nofail,errors=remount-ro,x-systemd.device-timeout=5min 0 2"
  ! grep --quiet --line-regexp --fixed-strings "$line" "$fstab" || return 0
  { grep --invert-match ' /data ' "$fstab" || true; echo "$line"; } >"$fstab.new"
  sync "$fstab.new"
  mv "$fstab.new" "$fstab"
  systemctl daemon-reload
}

# Notes the size, with which converge.sh detects that the volume has grown.
grow() {
  local name=${disk##*/} noted=$root/run/onebox-data-volume sectors
  sectors=$(<"$root/sys/class/block/$name/size")
  [[ ! -s $noted ]] || echo "$disk has grown: growing the file system"
  resize2fs "$disk" 2>&1 | grep --invert-match --extended-regexp '^resize2fs |Nothing to do|^$' || true
  echo "$name $sectors" >"$noted"
}

mounted_disk() {
  findmnt --noheadings --output SOURCE "$root/data"
}

fail() { # WORD...
  echo "$*" >&2
  exit 1
}

main "$@"
