#!/usr/bin/env bash
# The README's two commands as a newcomer types them: on a minimal Debian with Node and npm added
# and nothing else, by an ordinary user, in a clone whose path is long and has a space.
# Usage, as root and with mmdebstrap: test/fresh/run.sh [SUITE [USER]]
set -euo pipefail
suite=${1:-bookworm} user=${2:-you}
cd "$(dirname "$0")/../.."
root=$(mktemp --directory)
trap 'rm --recursive --force "$root"' EXIT
home=$([[ $user == root ]] && echo /root || echo "/home/$user")
clone="$home/Projects/github.com/some-organisation-name/my team/onebox"

mmdebstrap --quiet --variant=minbase "$suite" "$root"
[[ $user == root ]] || chroot "$root" useradd --create-home "$user"

# This machine's Node, npm, and its way to the registry.
install -D "$(readlink --canonicalize "$(command -v node)")" "$root/usr/local/bin/node"
mkdir --parents "$root/usr/local/lib/node_modules" "$root$clone"
cp --recursive "$(npm root --global)/npm" "$root/usr/local/lib/node_modules"
for name in npm npx; do
  ln --symbolic "../lib/node_modules/npm/bin/$name-cli.js" "$root/usr/local/bin/$name"
done
cp /etc/resolv.conf /etc/hosts "$root/etc"
settings=("npm_config_registry=$(npm config get registry)")
authorities=${NODE_EXTRA_CA_CERTS:-$(npm config get cafile)}
if [[ -f $authorities ]]; then
  install -D --mode=644 "$authorities" "$root/etc/authorities.crt"
  settings+=(npm_config_cafile=/etc/authorities.crt NODE_EXTRA_CA_CERTS=/etc/authorities.crt)
fi

git ls-files -z | tar --create --null --files-from=- | tar --extract --directory "$root$clone"
cp test/fresh/commands.sh "$root/commands.sh"
chroot "$root" chown --recursive "$user:" "$home"

# Its processes end with this script.
# shellcheck disable=SC2016 # The inner shell expands it.
unshare --mount --pid --fork --kill-child sh -euc '
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
  exec chroot "$@"
' sh "$root" setpriv --reuid="$user" --regid="$user" --init-groups \
  env --ignore-environment --chdir="$clone" HOME="$home" PATH=/usr/local/bin:/usr/bin:/bin \
  "${settings[@]}" sh -eu /commands.sh
