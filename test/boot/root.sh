#!/usr/bin/env bash
# Builds what an instance boots from in the given folder: disk.raw, vmlinuz and initrd.
# The disk is built like Debian's EC2 image (https://salsa.debian.org/cloud-team/debian-cloud-images,
# classes SYSTEM_BOOT, CLOUD, EC2 and EXTRAS), but without awscli, manuals and translations.
# Needs root, but no loop devices. An image for another CPU than this machine's needs binfmt_misc.
set -euo pipefail

dir=$1 arch=$2 mirror=$3 security=$4 partition=$5 host=$6 address=$7
root=$dir/root
suite=(trixie "deb $mirror trixie main" "deb $mirror trixie-updates main" "deb $security trixie-security main")

packages=(
  # Booting and running
  init "linux-image-cloud-$arch" initramfs-tools cloud-initramfs-growroot systemd-resolved systemd-timesyncd
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

# Packages whose programs package scripts start most.
lent=(coreutils dash dpkg findutils grep mawk openssl perl-base python3.13 sed tar xz-utils zstd)

# Of the S3 that the instance takes for AWS's.
make_certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 3650 -subj '/CN=S3 of the boot test' \
    -addext "subjectAltName=DNS:$host" -keyout "$dir/s3.key" -out "$dir/s3.crt" 2>"$dir/openssl.log"
}

bootstrap() {
  local options=(--mode=root --architectures="$arch" --variant=minbase --include="$(IFS=,; echo "${packages[*]}")")
  options+=(--aptopt='Apt::Install-Recommends "false"')
  options+=(--essential-hook="install -D --mode=644 '$dir/s3.crt' \"\$1/usr/local/share/ca-certificates/boot-test-s3.crt\"")
  for unread in man doc locale; do options+=(--dpkgopt="path-exclude=/usr/share/$unread/*"); done
  if [ "$arch" != "$(dpkg --print-architecture)" ]; then
    run_foreign_programs
    lend_programs
  fi
  mmdebstrap --quiet "${options[@]}" "${suite[0]}" "$root" "${suite[@]:1}"
}

# Has the kernel start another CPU's programs in the emulator.
run_foreign_programs() {
  local binfmt=/proc/sys/fs/binfmt_misc
  arch-test "$arch" >/dev/null && return
  [ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt
  cat /usr/lib/binfmt.d/qemu-aarch64.conf >$binfmt/register
}

# Emulated, the packages' scripts take twenty minutes of CPU time, most of it compiling Python's modules. What
# they do is the same on every CPU, so they run this machine's programs, and the initrd is made afterwards.
lend_programs() {
  export native=$dir/native programs libraries
  mmdebstrap --quiet --mode=root --variant=extract --include="$(IFS=,; echo "${lent[*]}")" \
    "${suite[0]}" "$native" "${suite[@]:1}"
  # The others of dpkg depend on the CPU.
  programs=$(cd "$native" && grep --recursive --files-with-matches '^.ELF' usr/bin usr/sbin | grep -v '/dpkg[^/]*$')
  programs+=' usr/bin/dpkg-deb'
  libraries=usr/lib/$(uname -m)-linux-gnu
  options+=(--extract-hook="$(declare -f lend); lend \"\$1\"" --customize-hook="$(declare -f give_back); give_back \"\$1\"")
}

# shellcheck disable=SC2086
lend() {
  set -eu
  for program in $programs usr/sbin/update-initramfs; do
    dpkg-divert --quiet --root="$1" --no-rename --divert "/$program.foreign" --add "/$program"
  done
  cd "$native"
  cp --archive --parents $programs "$libraries" usr/lib64 usr/lib/python3.13/lib-dynload "$1"
  ln -s usr/lib64 "$1/lib64"
  ln -s /usr/bin/true "$1/usr/sbin/update-initramfs"
}

# shellcheck disable=SC2086
give_back() {
  set -eu
  cd "$1"
  rm -r $programs usr/sbin/update-initramfs "$libraries" usr/lib64 lib64 usr/lib/python3.13/lib-dynload/*"-${libraries##*/}.so"
  for program in $programs usr/sbin/update-initramfs; do
    dpkg-divert --quiet --root="$1" --rename --remove "/$program"
  done
  rm -r "$native"
  # It has noted the shells under the names that they had meanwhile.
  chroot "$1" update-shells
  chroot "$1" update-initramfs -c -k all
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
  echo "$address $host" >>"$root/etc/hosts"
  # It would keep an emulated CPU busy for more than a minute at every full hour.
  rm "$root/etc/systemd/system/timers.target.wants/apt-listchanges.timer"
  ln -sfn ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
}

apt_source() {
  printf 'Types: deb deb-src\nURIs: mirror+file:///etc/apt/mirrors/%s.list\nSuites: %s\nComponents: main\n' "$1" "$2"
  printf 'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n'
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
  declare -A partition_type=([amd64]=x86-64 [arm64]=ARM-64)
  cp -L "$root"/boot/vmlinuz-* "$dir/vmlinuz"
  cp -L "$root"/boot/initrd.img-* "$dir/initrd"
  truncate --size 8G "$dir/disk.raw"
  sfdisk --quiet "$dir/disk.raw" <<SFDISK
label: gpt
start=${start_mib}MiB, size=${size_mib}MiB, type="Linux root (${partition_type[$arch]})", uuid=$partition
SFDISK
  mke2fs -q -t ext4 -d "$root" -E "offset=$((start_mib << 20)),lazy_itable_init=1,lazy_journal_init=1" \
    "$dir/disk.raw" "${size_mib}M"
  rm -r "$root"
}

write() {
  install -D --mode=644 /dev/stdin "$root$1"
}

make_certificate
bootstrap
configure
forget_origin
make_disk
