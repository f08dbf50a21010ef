#!/bin/bash
# Shows who logs in how the box is.
echo
timeout 10 onebox status
echo
onebox help
