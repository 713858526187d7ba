# Runs once, in the image build, as its last step: removes what only an administrator needs, then proves what the image promises.
set -eu

remove() { for name; do rm -rf "/usr/bin/$name" "/usr/sbin/$name"; done; }
remove su runuser sulogin login newgrp sg passwd chsh chfn chage chpasswd chgpasswd gpasswd expiry vipw vigr \
  useradd userdel usermod groupadd groupdel groupmod groupmems newusers pwck grpck pwconv pwunconv grpconv grpunconv unix_chkpwd unix_update \
  mount umount swapon swapoff losetup pivot_root switch_root chroot unshare nsenter mkswap fsck mkfs blkid wipefs blockdev fsfreeze fstrim \
  ctrlaltdel hwclock dmesg agetty getty wdctl zramctl rtcwake ldattach setarch linux32 linux64 i386 x86_64 uname26
rm -f /usr/sbin/mkfs.* /usr/sbin/fsck.* /usr/sbin/pam*
# Package managers and perl, which only they need. Their record stays: scanners read /var/lib/dpkg/status.
rm -rf /usr/bin/apt* /usr/bin/dpkg* /usr/sbin/dpkg* /usr/bin/deb* /usr/sbin/deb* /usr/bin/update-alternatives /usr/bin/perl* \
  /usr/lib/apt /usr/lib/dpkg /usr/share/perl* /usr/lib/*-linux-gnu/perl* /etc/apt /var/lib/apt /var/cache/apt /var/cache/debconf \
  /var/lib/dpkg/info /usr/share/doc /usr/share/man /usr/share/info /usr/share/bash-completion /var/log/* /var/lib/pam
rm -rf /tmp/* /var/tmp/* /root/.[!.]* /make-filter.py

mkdir -p /workspace
chmod 0755 /workspace /var/tmp
chmod 1777 /tmp
[ -d /run/lock ] && chmod 0755 /run/lock
chown -R 0:0 /opt/airlock /usr/lib/airlock
chmod 0700 /opt/airlock
chmod 0755 /usr/lib/airlock
chmod 0400 /opt/airlock/image-id

find / -xdev -type f -perm /6000 -exec chmod a-s {} +
python3 - <<'PYTHON'
import os, stat, sys

problems = []
for folder, folders, files in os.walk('/'):
    if folder == '/':
        folders[:] = [name for name in folders if name not in ('proc', 'sys', 'dev')]
    for path in [os.path.join(folder, name) for name in folders + files]:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            continue
        if stat.S_ISREG(status.st_mode) and 'security.capability' in os.listxattr(path, follow_symlinks=False):
            os.removexattr(path, 'security.capability', follow_symlinks=False)
        if stat.S_ISREG(status.st_mode) and status.st_mode & 0o6000:
            problems.append(f'{path} is setuid or setgid')
        if status.st_mode & 0o002 and path != '/tmp':
            problems.append(f'{path} is writable for everyone')
if problems:
    sys.exit('\n'.join(problems))
PYTHON
rm /harden.sh
