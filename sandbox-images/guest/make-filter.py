"""Writes the system call filter every guest process runs under, for the architecture this runs on: make-filter.py OUTPUT

Everything is allowed but what is named here. Refused calls answer EPERM; calls that programs try first and fall back from answer
ENOSYS, as an older kernel would, and so do calls that this list does not know yet.
"""

import errno
import sys

from seccomp import ALLOW, ERRNO, KILL_PROCESS, MASKED_EQ, Arg, Attr, SyscallFilter

FALL_BACK = """
clone3 io_uring_setup io_uring_enter io_uring_register io_setup io_submit io_destroy io_cancel io_getevents io_pgetevents
memfd_create memfd_secret userfaultfd landlock_create_ruleset landlock_add_rule landlock_restrict_self statmount listmount
lsm_get_self_attr lsm_set_self_attr lsm_list_modules map_shadow_stack
"""

REFUSED = """
socket connect bind listen accept accept4
ptrace process_vm_readv process_vm_writev process_madvise process_mrelease pidfd_getfd kcmp
mount umount2 pivot_root chroot open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick mount_setattr unshare setns
bpf perf_event_open add_key request_key keyctl kexec_load kexec_file_load
init_module finit_module delete_module create_module query_module get_kernel_syms
reboot swapon swapoff quotactl quotactl_fd name_to_handle_at open_by_handle_at personality acct syslog
settimeofday clock_settime adjtimex clock_adjtime iopl ioperm modify_ldt vhangup sethostname setdomainname
lookup_dcookie nfsservctl _sysctl uselib ustat sysfs fanotify_init fanotify_mark
move_pages migrate_pages mbind set_mempolicy set_mempolicy_home_node vmsplice seccomp
shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl
mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
"""

# The same on every architecture, and newer than libseccomp's table.
NUMBERS = {'open_tree_attr': 467}
FIRST_UNKNOWN, LAST_UNKNOWN = 468, 511

CLONE_NEW_NAMESPACE_FLAGS = [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000]
# A pair of connected sockets may stay within the guest. Of AF_UNIX, its two kinds that cannot send to another address; a kind may
# carry flags in its higher bits.
AF_UNIX, LAST_FAMILY = 1, 47
SOCK_STREAM, SOCK_SEQPACKET, KIND_MASK = 1, 5, 0xF
# Typing into the terminal of another process, and its console cousin.
TIOCSTI, TIOCLINUX = 0x5412, 0x541C


def main(output):
    filter = SyscallFilter(defaction=ALLOW)
    # Another architecture's numbers mean other calls: 32-bit and x32 calls end the process.
    filter.set_attr(Attr.ACT_BADARCH, KILL_PROCESS)
    # A binary tree instead of a list: the filter runs on every call.
    filter.set_attr(Attr.CTL_OPTIMIZE, 2)
    refused = 0
    for action, names in ((ERRNO(errno.ENOSYS), FALL_BACK.split()), (ERRNO(errno.EPERM), REFUSED.split())):
        for name in names:
            refused += add(filter, action, NUMBERS.get(name, name))
    for number in range(FIRST_UNKNOWN, LAST_UNKNOWN + 1):
        refused += add(filter, ERRNO(errno.ENOSYS), number)
    for flag in CLONE_NEW_NAMESPACE_FLAGS:
        filter.add_rule(ERRNO(errno.EPERM), 'clone', Arg(0, MASKED_EQ, flag, flag))
    for family in range(LAST_FAMILY + 1):
        if family != AF_UNIX:
            filter.add_rule(ERRNO(errno.EPERM), 'socketpair', Arg(0, MASKED_EQ, 0xFFFFFFFF, family))
    for kind in range(KIND_MASK + 1):
        if kind not in (SOCK_STREAM, SOCK_SEQPACKET):
            filter.add_rule(ERRNO(errno.EPERM), 'socketpair', Arg(1, MASKED_EQ, KIND_MASK, kind))
    for request in (TIOCSTI, TIOCLINUX):
        # The kernel looks at the low 32 bits of the request only.
        filter.add_rule(ERRNO(errno.EPERM), 'ioctl', Arg(1, MASKED_EQ, 0xFFFFFFFF, request))
    # The few an architecture does not have are skipped; a filter that lacks more than those is broken.
    if refused < 130:
        sys.exit(f'only {refused} of the calls to refuse are known here')
    with open(output, 'wb') as file:
        filter.export_bpf(file)
    print(f'{refused} system calls refused')


def add(filter, action, call):
    try:
        filter.add_rule(action, call)
        return 1
    except (RuntimeError, ValueError, OSError) as problem:
        print(f'{call}: not on this architecture ({problem})')
        return 0


main(sys.argv[1])
