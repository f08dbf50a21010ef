#!/bin/bash
# Shows the state of the instance at login.
echo
timeout 10 onebox status
echo
onebox help
