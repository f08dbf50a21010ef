#!/usr/bin/env bash
# Builds what an instance boots from in the given folder: disk.raw, vmlinuz and initrd.
# The disk is built like Debian's EC2 image (https://salsa.debian.org/cloud-team/debian-cloud-images,
# classes SYSTEM_BOOT, CLOUD, EC2 and EXTRAS), but without awscli, manuals and translations.
# Needs root, but neither loop devices nor mounts.
set -euo pipefail

dir=$1 mirror=$2 security=$3 partition=$4 host=$5 address=$6
root=$dir/root

packages=(
  # Booting and running
  init linux-image-cloud-amd64 initramfs-tools cloud-initramfs-growroot systemd-resolved systemd-timesyncd
  libpam-systemd libnss-resolve libnss-myhostname polkitd netplan.io netbase dhcpcd-base e2fsprogs dosfstools
  linux-sysctl-defaults apparmor uuid-runtime
  # Setup at the first boot
  cloud-init cloud-guest-utils amazon-ec2-utils ssh-import-id openssh-server sudo
  # Updates
  unattended-upgrades apt-listchanges apt-utils ca-certificates
  # Tools
  bash-completion bind9-host curl ethtool iptables iputils-ping less man-db manpages nano pciutils psmisc reportbug
  screen socat tcpdump traceroute vim vim-tiny whiptail xz-utils zstd
)

bootstrap() {
  local options=(--mode=root --variant=minbase --include="$(IFS=,; echo "${packages[*]}")")
  options+=(--aptopt='Apt::Install-Recommends "false"')
  for unread in man doc locale; do options+=(--dpkgopt="path-exclude=/usr/share/$unread/*"); done
  mmdebstrap --quiet "${options[@]}" trixie "$root" \
    "deb $mirror trixie main" "deb $mirror trixie-updates main" "deb $security trixie-security main"
}

configure() {
  write /etc/cloud/cloud.cfg.d/01_debian_cloud.cfg <<'YAML'
apt:
  generate_mirrorlists: true
system_info:
  default_user:
    name: admin
    gecos: Debian
    groups: [adm, audio, cdrom, dialout, dip, floppy, plugdev, sudo, video]
    sudo: ['ALL=(ALL) NOPASSWD:ALL']
    shell: /bin/bash
    lock_passwd: true
  package_mirrors:
    - arches: [default]
      failsafe:
        primary: https://cdn-aws.deb.debian.org/debian
        security: https://cdn-aws.deb.debian.org/debian-security
YAML
  rm -f "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*
  for name in debian debian-security; do
    write "/etc/apt/mirrors/$name.list" <<<"https://deb.debian.org/$name"
  done
  {
    apt_source debian 'trixie trixie-updates trixie-backports'
    apt_source debian-security trixie-security
  } | write /etc/apt/sources.list.d/debian.sources
  write /etc/systemd/timesyncd.conf.d/01_debian_cloud.conf <<<$'[Time]\nFallbackNTP=169.254.169.123 fd00:ec2::123'
  write /etc/modprobe.d/blacklist.conf <<<$'blacklist pcspkr\nblacklist floppy'
  write /etc/default/locale <<<'LANG=C.UTF-8'
  write /etc/fstab <<<"PARTUUID=$partition / ext4 rw,discard,errors=remount-ro,x-systemd.growfs 0 1"
  sed -i 's/^#\?PasswordAuthentication .*/PasswordAuthentication no/' "$root/etc/ssh/sshd_config"
  echo 'ClientAliveInterval 120' >>"$root/etc/ssh/sshd_config"
  chroot "$root" systemctl --quiet enable systemd-networkd systemd-resolved 2>"$dir/systemctl.log"
  # It would keep an emulated CPU busy for more than a minute at every full hour.
  rm "$root/etc/systemd/system/timers.target.wants/apt-listchanges.timer"
  ln -sfn ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
}

apt_source() {
  printf 'Types: deb deb-src\nURIs: mirror+file:///etc/apt/mirrors/%s.list\nSuites: %s\nComponents: main\n' "$1" "$2"
  printf 'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n'
}

# Makes the instance trust the test's S3 as AWS's, and find it.
pretend_to_be_on_aws() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 3650 -subj '/CN=S3 of the boot test' \
    -addext "subjectAltName=DNS:$host" -keyout "$dir/s3.key" -out "$dir/s3.crt" 2>"$dir/openssl.log"
  write /usr/local/share/ca-certificates/boot-test-s3.crt <"$dir/s3.crt"
  chroot "$root" update-ca-certificates &>"$dir/ca-certificates.log"
  echo "$address $host" >>"$root/etc/hosts"
}

# Removes what belongs to one machine: the first boot makes it again.
forget_origin() {
  rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id"
  rm -rf "$root"/var/log/{apt,dpkg.log,alternatives.log,bootstrap.log} "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin
  : >"$root/etc/machine-id"
  : >"$root/etc/hostname"
}

make_disk() {
  local start_mib=128 size_mib=1600
  cp -L "$root"/boot/vmlinuz-* "$dir/vmlinuz"
  cp -L "$root"/boot/initrd.img-* "$dir/initrd"
  truncate --size 8G "$dir/disk.raw"
  sfdisk --quiet "$dir/disk.raw" <<SFDISK
label: gpt
start=${start_mib}MiB, size=${size_mib}MiB, type="Linux root (x86-64)", uuid=$partition
SFDISK
  mke2fs -q -t ext4 -d "$root" -E "offset=$((start_mib << 20)),lazy_itable_init=1,lazy_journal_init=1" \
    "$dir/disk.raw" "${size_mib}M"
  rm -r "$root"
}

write() {
  install -D --mode=644 /dev/stdin "$root$1"
}

bootstrap
configure
pretend_to_be_on_aws
forget_origin
make_disk
