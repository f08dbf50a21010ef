#!/bin/bash
# Prints the public keys that EC2 Instance Connect holds for a user for a minute, for sshd. Only those
# with rights on this instance can send one, and only root can ask the metadata service for it.

set -euo pipefail

metadata_url=${METADATA_URL:-http://169.254.169.254}/latest

ask() { # PATH CURL_CONFIG_LINE...
  local path=$1
  shift
  printf '%s\n' "$@" | curl --silent --fail --config - --noproxy '*' --max-time 3 "$metadata_url/$path"
}

token=$(ask api/token 'request = PUT' 'header = "X-aws-ec2-metadata-token-ttl-seconds: 60"')
keys=$(ask "meta-data/managed-ssh-keys/active-keys/$1/" "header = \"X-aws-ec2-metadata-token: $token\"") || exit 0
grep '^ssh-' <<<"$keys" || true
