/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The least that a container can cost here: `floor ROOT SCRATCH [BRIDGE]` runs ROOT's /bin/true in all the namespaces
 * that a container has, on an overlay, in a scope of its own, with a veth on BRIDGE when there is one, and waits for
 * it. The scope is being started while the child builds its root, as berth does it. Nothing is checked, logged,
 * stored or cleaned up but the upper directory. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

static char upper[320], work[320], root[320];

static void must(int ok, const char *what) {
        if (ok)
                return;
        perror(what);
        exit(1);
}

static void write_text(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text), path);
        close(fd);
}

static void build_root(const char *lower) {
        char options[1024];

        must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "private");
        snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s,userxattr", lower, upper,
                 work);
        must(mount("overlay", root, "overlay", 0, options) == 0, "overlay");
        must(chdir(root) == 0, "chdir");
        must(mount("proc", "proc", "proc", 0, NULL) == 0, "proc");
        must(mount("tmpfs", "dev", "tmpfs", 0, "mode=755") == 0, "dev");
        must(syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
        must(umount2(".", MNT_DETACH) == 0, "umount");
}

static void child(const char *lower, int go) {
        char byte;

        must(read(go, &byte, 1) == 1, "maps");
        build_root(lower);
        must(read(go, &byte, 1) == 1, "scope");
        execl("/bin/true", "true", NULL);
        must(0, "exec");
}

static int on_job(sd_bus_message *m, void *userdata, sd_bus_error *e) {
        const char *path, *wanted = *(const char **) userdata;

        if (sd_bus_message_read(m, "uoss", NULL, &path, NULL, NULL) >= 0 && wanted &&
            strcmp(path, wanted) == 0)
                *(const char **) userdata = NULL;
        return 0;
}

static void ask_for_scope(sd_bus *bus, pid_t pid, const char **job) {
        sd_bus_message *m, *reply;
        char name[64];

        snprintf(name, sizeof(name), "floor-%d.scope", pid);
        must(sd_bus_match_signal(bus, NULL, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                 "org.freedesktop.systemd1.Manager", "JobRemoved", on_job, job) >= 0,
             "match");
        must(sd_bus_message_new_method_call(bus, &m, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                            "org.freedesktop.systemd1.Manager", "StartTransientUnit") >= 0 &&
                     sd_bus_message_append(m, "ssa(sv)a(sa(sv))", name, "fail", 3, "PIDs", "au", 1,
                                           (uint32_t) pid, "Delegate", "b", 1, "CollectMode", "s",
                                           "inactive-or-failed", 0) >= 0,
             "message");
        must(sd_bus_call(bus, m, 0, NULL, &reply) >= 0, "StartTransientUnit");
        must(sd_bus_message_read(reply, "o", job) >= 0, "job");
}

static void make_veth(const char *bridge, int namespace) {
        struct nl_sock *s = nl_socket_alloc();
        struct nl_msg *m = nlmsg_alloc_simple(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
        struct ifinfomsg up = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP }, down = {};
        char name[IFNAMSIZ];

        snprintf(name, sizeof(name), "fl%d", getpid());
        must(nl_connect(s, NETLINK_ROUTE) == 0, "netlink");
        nlmsg_append(m, &up, sizeof(up), NLMSG_ALIGNTO);
        nla_put_string(m, IFLA_IFNAME, name);
        nla_put_u32(m, IFLA_MASTER, if_nametoindex(bridge));
        struct nlattr *info = nla_nest_start(m, IFLA_LINKINFO);
        nla_put_string(m, IFLA_INFO_KIND, "veth");
        struct nlattr *data = nla_nest_start(m, IFLA_INFO_DATA), *peer = nla_nest_start(m, VETH_INFO_PEER);
        nlmsg_append(m, &down, sizeof(down), NLMSG_ALIGNTO);
        nla_put_string(m, IFLA_IFNAME, "eth0");
        nla_put_u32(m, IFLA_NET_NS_FD, namespace);
        nla_nest_end(m, peer);
        nla_nest_end(m, data);
        nla_nest_end(m, info);
        must(nl_send_auto(s, m) >= 0 && nl_wait_for_ack(s) == 0, "veth");
}

static void map_ids(pid_t pid) {
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
        write_text(path, "0 0 65536");
        snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
        write_text(path, "0 0 65536");
}

int main(int argc, char *argv[]) {
        struct clone_args args = {
                .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET |
                         CLONE_NEWUSER,
                .exit_signal = SIGCHLD,
        };
        const char *job = NULL;
        char path[300];
        sd_bus *bus;
        int go[2], status;

        if (argc < 3)
                return 2;
        snprintf(path, sizeof(path), "%s/XXXXXX", argv[2]);
        must(mkdtemp(path) != NULL, "scratch");
        snprintf(upper, sizeof(upper), "%s/u", path);
        snprintf(work, sizeof(work), "%s/w", path);
        snprintf(root, sizeof(root), "%s/r", path);
        must(mkdir(upper, 0755) == 0 && mkdir(work, 0700) == 0 && mkdir(root, 0755) == 0, "mkdir");
        must(sd_bus_open_system(&bus) >= 0, "bus");
        must(pipe2(go, O_CLOEXEC) == 0, "pipe");

        pid_t pid = syscall(SYS_clone3, &args, sizeof(args));
        must(pid >= 0, "clone3");
        if (pid == 0)
                child(argv[1], go[0]);
        map_ids(pid);
        must(write(go[1], "x", 1) == 1, "go");
        if (argc > 3) {
                snprintf(work, sizeof(work), "/proc/%d/ns/net", pid);
                make_veth(argv[3], open(work, O_RDONLY | O_CLOEXEC));
        }
        ask_for_scope(bus, pid, &job);
        while (job)
                must(sd_bus_process(bus, NULL) > 0 || sd_bus_wait(bus, UINT64_MAX) >= 0, "bus");
        must(write(go[1], "x", 1) == 1, "go");
        must(waitpid(pid, &status, 0) == pid, "wait");

        must(rmdir(root) == 0, "rmdir");
        snprintf(work, sizeof(work), "%s/w/work", path);
        (void) rmdir(work);
        snprintf(work, sizeof(work), "%s/w", path);
        (void) rmdir(work);
        (void) rmdir(upper);
        (void) rmdir(path);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
