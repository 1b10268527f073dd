/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The network library against the kernel, in a network namespace of its own: with root's rights or those of a new user
 * namespace; skipped where neither can be had. */

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "driver.h"
#include "fd-util.h"
#include "file-util.h"
#include "firewall.h"
#include "link.h"
#include "log.h"
#include "network.h"
#include "string-util.h"
#include "strv.h"
#include "test.h"
#include "time-util.h"

#define SKIP 77
#define ID_A "aaaaaaaa11111111222222223333333344444444555555556666666677777777"
#define ID_B "bbbbbbbb11111111222222223333333344444444555555556666666677777777"

static sd_event *event;
static Netlink *netlink;
static int state_fd = -EBADF;
static char state_path[] = "/tmp/test-network-XXXXXX";

static const char *name_of(const char *id, void *userdata) {
        return streq(id, ID_A) ? "web" : NULL;
}

static bool write_text(const char *path, const char *text) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd >= 0 && write_full(fd, text, strlen(text)) == 0;
}

static bool enter_namespace(void) {
        uid_t uid = geteuid();
        gid_t gid = getegid();
        char map[64];

        if (unshare(CLONE_NEWNET) == 0)
                return true;
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
                return false;
        snprintf(map, sizeof(map), "0 %u 1\n", uid);
        if (!write_text("/proc/self/setgroups", "deny") || !write_text("/proc/self/uid_map", map))
                return false;
        snprintf(map, sizeof(map), "0 %u 1\n", gid);
        return write_text("/proc/self/gid_map", map);
}

/* A container as the network sees it: a process with a network namespace. */
static pid_t start_leader(void) {
        int fds[2];
        char byte;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -1;
        pid_t pid = fork();
        if (pid == 0) {
                if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || unshare(CLONE_NEWNET) < 0 ||
                    write(fds[1], "x", 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        close(fds[1]);
        bool ok = read(fds[0], &byte, 1) == 1;
        close(fds[0]);
        return ok ? pid : -1;
}

static void stop_leader(pid_t pid) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

static Networks *open_networks(void) {
        _cleanup_error_ Error error = {};
        Networks *networks = NULL;

        int r = networks_new(event, state_fd, name_of, NULL, &networks, &error);
        if (r < 0) {
                fprintf(stderr, "networks_new: %s\n", error_text(&error));
                exit(1);
        }
        return networks;
}

typedef struct Attached {
        unsigned calls;
        int r;
        char message[256];
} Attached;

static void on_attached(int r, const Error *error, void *userdata) {
        Attached *attached = userdata;

        attached->calls++;
        attached->r = r;
        snprintf(attached->message, sizeof(attached->message), "%s",
                 strempty(error ? error->message : NULL));
}

static void run_until(const unsigned *calls, unsigned n) {
        uint64_t deadline = now_usec(CLOCK_MONOTONIC) + 10 * USEC_PER_SEC;

        while (*calls < n && now_usec(CLOCK_MONOTONIC) < deadline)
                if (sd_event_run(event, USEC_PER_SEC) < 0)
                        break;
}

static void attach(Networks *networks, const char *id, const List *endpoints, pid_t leader,
                   Attached *attached) {
        _cleanup_error_ Error error = {};

        *attached = (Attached){};
        if (networks_attach(networks, id, endpoints, leader, on_attached, attached, &error) != 1) {
                fprintf(stderr, "networks_attach: %s\n", error_text(&error));
                exit(1);
        }
        CHECK(attached->calls == 0); /* never from within */
        run_until(&attached->calls, 1);
        CHECK(attached->calls == 1);
        CHECK_STRING(attached->message, "");
        CHECK(attached->r == 0);
}

static bool link_is_there(const char *name, Link *ret) {
        return link_find(netlink, name, ret) == 0;
}

static bool in_namespace_of(pid_t pid, const char *interface) {
        char path[64];
        _cleanup_close_ int self = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

        snprintf(path, sizeof(path), "/proc/%d/ns/net", (int) pid);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
                return false;
        bool found = if_nametoindex(interface) > 0;
        CHECK(setns(self, CLONE_NEWNET) == 0);
        return found;
}

/* Lets the event loop go on until the condition holds, or for long enough to say that it won't. */
#define WAIT_FOR(condition)                                                         \
        ({                                                                          \
                uint64_t _end = now_usec(CLOCK_MONOTONIC) + 5 * USEC_PER_SEC;       \
                bool _holds;                                                        \
                while (!(_holds = (condition)) && now_usec(CLOCK_MONOTONIC) < _end) \
                        (void) sd_event_run(event, 5 * USEC_PER_MSEC);              \
                _holds;                                                             \
        })

static bool is_port_of(const char *name, int bridge) {
        Link link;

        return link_is_there(name, &link) && link.master == bridge && link.flags & IFF_UP;
}

static void reserve(Networks *networks, const char *id, List *endpoints, List *interfaces) {
        _cleanup_error_ Error error = {};
        ContainerSpec spec = { .id = (char *) id };

        CHECK(networks_reserve(networks, &spec, endpoints, interfaces, &error) == 0);
        CHECK(endpoints->n == 1 && interfaces->n == 1);
}

static size_t count_links(void) {
        struct if_nameindex *all = if_nameindex();
        size_t n = 0;

        while (all && all[n].if_name)
                n++;
        if_freenameindex(all);
        return n;
}

static bool sysctl_is(const char *path, char value) {
        char c = 0;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

        return fd >= 0 && read(fd, &c, 1) == 1 && c == value;
}

static void test_start_and_stop(void) {
        _cleanup_(networks_freep) Networks *networks = open_networks();
        List endpoints = {}, interfaces = {}, endpoints_b = {}, interfaces_b = {};
        Link bridge;
        Attached attached;
        pid_t leader = start_leader(), leader_b = start_leader();

        CHECK(!link_is_there("berth0", &bridge)); /* made on demand only */
        reserve(networks, ID_A, &endpoints, &interfaces);
        const NetworkEndpoint *e = LIST_ITEM(&endpoints, NetworkEndpoint, 0);
        CHECK_STRING(e->ipv4_address, "10.89.0.2/16");
        CHECK_STRING(e->ipv4_gateway, "10.89.0.1");
        CHECK_STRING(e->mac_address, "02:be:0a:59:00:02");
        CHECK_STRING(e->host_interface, "vbaaaaaaaa");
        CHECK_STRING(LIST_ITEM(&interfaces, LaunchInterface, 0)->name, "eth0");
        CHECK(strv_contains(LIST_ITEM(&interfaces, LaunchInterface, 0)->addresses, "10.89.0.2/16"));

        attach(networks, ID_A, &endpoints, leader, &attached);
        CHECK(link_is_there("berth0", &bridge) && bridge.flags & IFF_UP);
        CHECK(is_port_of("vbaaaaaaaa", bridge.index));
        CHECK(in_namespace_of(leader, "eth0"));
        CHECK(sysctl_is("/proc/sys/net/ipv4/ip_forward", '1'));

        reserve(networks, ID_B, &endpoints_b, &interfaces_b);
        CHECK_STRING(LIST_ITEM(&endpoints_b, NetworkEndpoint, 0)->ipv4_address, "10.89.0.3/16");
        attach(networks, ID_B, &endpoints_b, leader_b, &attached);

        /* The veth goes with the namespace; the same container starts again at once. */
        stop_leader(leader);
        networks_release(networks, ID_A);
        list_done(&endpoints, &network_endpoint_type);
        list_done(&interfaces, &launch_interface_type);
        leader = start_leader();
        reserve(networks, ID_A, &endpoints, &interfaces);
        CHECK_STRING(LIST_ITEM(&endpoints, NetworkEndpoint, 0)->ipv4_address, "10.89.0.4/16");
        attach(networks, ID_A, &endpoints, leader, &attached);
        CHECK(in_namespace_of(leader, "eth0"));

        /* Somebody removes the bridge: the next start makes it, and takes back those who were on it. */
        CHECK(link_is_there("berth0", &bridge) && link_remove(netlink, bridge.index) == 0);
        stop_leader(leader);
        leader = start_leader();
        attach(networks, ID_A, &endpoints, leader, &attached);
        CHECK(link_is_there("berth0", &bridge));
        CHECK(WAIT_FOR(is_port_of("vbbbbbbbbb", bridge.index)));

        list_done(&endpoints, &network_endpoint_type);
        list_done(&interfaces, &launch_interface_type);
        list_done(&endpoints_b, &network_endpoint_type);
        list_done(&interfaces_b, &launch_interface_type);
        stop_leader(leader);
        stop_leader(leader_b);
}

static void test_restore(void) {
        List endpoints = {}, interfaces = {};
        Attached attached;
        Link link;
        pid_t leader = start_leader(), orphan = start_leader();
        Networks *networks = open_networks();

        reserve(networks, ID_A, &endpoints, &interfaces);
        attach(networks, ID_A, &endpoints, leader, &attached);
        list_done(&interfaces, &launch_interface_type);
        List other = {};
        reserve(networks, ID_B, &other, &interfaces);
        attach(networks, ID_B, &other, orphan, &attached);
        networks_free(networks); /* berthd dies; b's state is lost */

        networks = open_networks();
        CHECK(networks_adopt(networks, ID_A, &endpoints, NULL) == 0);
        CHECK(networks_restore(networks, NULL) == 0);
        CHECK(WAIT_FOR(!link_is_there("vbbbbbbbbb", &link)));
        CHECK(link_is_there("vbaaaaaaaa", &link));

        /* The adopted address is taken: told by the container's name. */
        _cleanup_error_ Error error = {};
        NetworkAttachment attachment = { .network = (char *) "default",
                                         .ipv4_address = (char *) "10.89.0.2" };
        ContainerSpec spec = { .id = (char *) ID_B, .networks = { &attachment, 1 } };
        list_done(&interfaces, &launch_interface_type);
        list_done(&other, &network_endpoint_type);
        CHECK(networks_reserve(networks, &spec, &other, &interfaces, &error) < 0);
        CHECK(error.kind == ERROR_IN_USE);
        CHECK_STRING(error.message, "address 10.89.0.2 is in use by \"web\"");
        CHECK(other.n == 0 && interfaces.n == 0);

        networks_release(networks, ID_A);
        list_done(&endpoints, &network_endpoint_type);
        stop_leader(leader);
        stop_leader(orphan);
        CHECK(networks_restore(networks, NULL) == 0);
        CHECK(WAIT_FOR(!link_is_there("vbaaaaaaaa", &link)));
        networks_free(networks);
}

/* A namespace that is not there any more, and a name that another kind of interface has. */
static void test_failures_are_told(void) {
        _cleanup_(networks_freep) Networks *networks = open_networks();
        _cleanup_error_ Error error = {};
        List endpoints = {}, interfaces = {}, endpoints_b = {}, interfaces_b = {};
        Attached attached = {}, other;
        pid_t leader = start_leader();

        reserve(networks, ID_A, &endpoints, &interfaces);
        stop_leader(leader);
        CHECK(networks_attach(networks, ID_A, &endpoints, leader, on_attached, &attached, &error) < 0);
        CHECK(error.message && strstr(error.message, "network namespace"));

        leader = start_leader();
        CHECK(link_add_bridge(netlink, "vbaaaaaaaa", (uint8_t[]){ 2, 0, 0, 0, 0, 9 }, 0) == 0);
        CHECK(networks_attach(networks, ID_A, &endpoints, leader, on_attached, &attached, NULL) == 1);
        run_until(&attached.calls, 1);
        CHECK(attached.r < 0 && strstr(attached.message, "vbaaaaaaaa"));

        /* Forgotten: released before the answer came. */
        attached.calls = 0;
        CHECK(networks_attach(networks, ID_A, &endpoints, leader, on_attached, &attached, NULL) == 1);
        networks_release(networks, ID_A);
        reserve(networks, ID_B, &endpoints_b, &interfaces_b);
        attach(networks, ID_B, &endpoints_b, leader, &other); /* answered after the one that was forgotten */
        CHECK(attached.calls == 0);

        Link link;
        CHECK(link_is_there("vbaaaaaaaa", &link) && link_remove(netlink, link.index) == 0);
        list_done(&endpoints, &network_endpoint_type);
        list_done(&interfaces, &launch_interface_type);
        list_done(&endpoints_b, &network_endpoint_type);
        list_done(&interfaces_b, &launch_interface_type);
        stop_leader(leader);
}

static int append_address(int index, const Subnet *address, void *userdata) {
        char text[SUBNET_TEXT_MAX], *all = userdata;

        if (address->address.family == AF_INET)
                strcat(strcat(all, subnet_format(address, text)), " ");
        return 0;
}

static const char *addresses_of(const char *name) {
        static char all[1024];
        Link link;

        all[0] = 0;
        CHECK(link_is_there(name, &link));
        CHECK(link_each_address(netlink, link.index, append_address, all) == 0);
        return all;
}

/* The driver's whole life, without berthd's half. */
static void test_driver(void) {
        NetworkSubnet subnets[] = { { .subnet = (char *) "192.168.77.0/24" } };
        NetworkSpec spec = { .name = (char *) "lan",
                             .interface = (char *) "berth-lan",
                             .subnets = { subnets, 1 } };
        NetworkEndpoint endpoint = { .host_interface = (char *) "vb12345678",
                                     .interface = (char *) "eth3",
                                     .mac_address = (char *) "02:be:00:00:00:05" };
        NetworkKernel kernel = { .route = netlink };
        _cleanup_error_ Error error = {};
        char path[64];
        Link link;
        pid_t leader = start_leader();

        snprintf(path, sizeof(path), "/proc/%d/ns/net", (int) leader);
        _cleanup_close_ int ns = open(path, O_RDONLY | O_CLOEXEC);
        CHECK(bridge_driver.attach(&kernel, &spec, &endpoint, ns, &error) < 0);
        CHECK(bridge_driver.setup(&kernel, &spec, NULL) == 0 && kernel.repaired);
        kernel.repaired = false;
        CHECK(bridge_driver.setup(&kernel, &spec, NULL) == 0 && !kernel.repaired);
        CHECK_STRING(addresses_of("berth-lan"), "192.168.77.1/24 ");
        subnets[0].subnet = (char *) "192.168.78.0/24"; /* somebody edits the definition */
        CHECK(bridge_driver.setup(&kernel, &spec, NULL) == 0 && !kernel.repaired);
        CHECK_STRING(addresses_of("berth-lan"), "192.168.78.1/24 ");
        CHECK(bridge_driver.attach(&kernel, &spec, &endpoint, ns, NULL) == 0);
        CHECK(in_namespace_of(leader, "eth3"));
        CHECK(bridge_driver.detach(&kernel, &spec, &endpoint, NULL) == 0);
        CHECK(!link_is_there("vb12345678", &link));
        CHECK(!in_namespace_of(leader, "eth3"));
        CHECK(bridge_driver.detach(&kernel, &spec, &endpoint, NULL) == 0); /* again: nothing to do */
        CHECK(bridge_driver.teardown(&kernel, &spec, NULL) == 0);
        CHECK(!link_is_there("berth-lan", &link));
        CHECK(bridge_driver.teardown(&kernel, &spec, NULL) == 0);
        stop_leader(leader);
}

int main(void) {
        if (!enter_namespace()) {
                fprintf(stderr, "no right to make a network namespace: skipped\n");
                return SKIP;
        }
        if (netlink_open(NETLINK_ROUTE, &netlink) < 0 || sd_event_default(&event) < 0 ||
            !mkdtemp(state_path))
                return 1;
        state_fd = open(state_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        Link probe;
        int r = link_add_bridge(netlink, "probe0", (uint8_t[]){ 2, 0, 0, 0, 0, 1 }, 0);
        if (r == -EOPNOTSUPP || !link_is_there("probe0", &probe)) {
                fprintf(stderr, "this kernel has no bridges: skipped\n");
                return SKIP;
        }
        CHECK(link_remove(netlink, probe.index) == 0);

        size_t before = count_links();
        test_start_and_stop();
        test_restore();
        test_failures_are_told();
        test_driver();

        Link bridge;
        CHECK(link_is_there("berth0", &bridge) && link_remove(netlink, bridge.index) == 0);
        CHECK(WAIT_FOR(count_links() == before)); /* the last namespaces take their links along */
        (void) remove_tree_at(AT_FDCWD, state_path);
        safe_close(state_fd);
        netlink_close(netlink);
        sd_event_unref(event);
        return TEST_RESULT();
}
