/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume-mount.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <netdb.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd-util.h"
#include "file-util.h"
#include "string-util.h"
#include "volume-driver.h"
#include "volume-store.h"

#define MKFS "mkfs.ext4"
#define IMAGE_NEW VOLUME_IMAGE ".new"
#define LOOP_TRIES 16
#define DATA_PATH_MAX 64

extern char **environ;

static int failed(const VolumeSpec *spec, int r, const char *what, Error *error) {
        return error_set_errno(error, r, "can't %s volume \"%s\"", what, strempty(spec->name));
}

/* ---- local ---- */

/* The kernel's network file systems know numbers only. */
static int add_address(const VolumeSpec *spec, VolumeMount *plan, Error *error) {
        const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
        struct addrinfo *found;
        char text[NI_MAXHOST];

        if (!plan->address)
                return 0;
        int r = getaddrinfo(plan->address, NULL, &hints, &found);
        if (r != 0)
                return error_set(error, ERROR_START_FAILED, "the host %s of volume \"%s\" is not known: %s",
                                 plan->address, spec->name, gai_strerror(r));
        r = getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
        freeaddrinfo(found);
        char *data = r == 0 ? format_string("%s%saddr=%s", strempty(plan->data), plan->data ? "," : "", text)
                            : NULL;
        if (!data)
                return failed(spec, -ENOMEM, "mount", error);
        free_and_replace(plan->data, data);
        return 0;
}

static int bind_folder(const VolumeSpec *spec, const VolumeMount *plan, const char *target, Error *error) {
        unsigned long bind = plan->flags & (MS_BIND | MS_REC), others = plan->flags & ~bind;

        if (mount(plan->source, target, NULL, bind, NULL) < 0)
                return error_set_errno(error, negative_errno(), "can't mount the folder %s as volume \"%s\"",
                                       plan->source, spec->name);
        if (mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | others, NULL) < 0) {
                int r = negative_errno();
                (void) umount2(target, MNT_DETACH);
                return failed(spec, r, "set the options of", error);
        }
        return 0;
}

static int mount_local(const VolumeSpec *spec, const char *target, Error *error) {
        _cleanup_(volume_mount_done) VolumeMount plan = {};

        int r = volume_mount_plan(spec, &plan, error);
        if (r >= 0)
                r = add_address(spec, &plan, error);
        if (r < 0)
                return r;
        if (plan.flags & MS_BIND)
                return bind_folder(spec, &plan, target, error);
        if (mount(plan.source, target, plan.type, plan.flags, plan.data) < 0)
                return error_set_errno(error, negative_errno(),
                                       "can't mount the %s %s as volume \"%s\" (options: %s)", plan.type,
                                       plan.source, spec->name, plan.data ?: "none");
        return 0;
}

/* ---- loop ---- */

static int run_mkfs(const VolumeSpec *spec, int dir_fd, Error *error) {
        char folder[DATA_PATH_MAX], image[DATA_PATH_MAX];
        int status;
        pid_t pid;

        snprintf(folder, sizeof(folder), "/proc/%d/fd/%d/" VOLUME_DATA, getpid(), dir_fd);
        snprintf(image, sizeof(image), "/proc/%d/fd/%d/" IMAGE_NEW, getpid(), dir_fd);
        char *const arguments[] = { (char *) MKFS, (char *) "-q", (char *) "-F", (char *) "-d",
                                    folder,        image,         NULL };
        int r = posix_spawnp(&pid, MKFS, NULL, NULL, arguments, environ);
        if (r != 0)
                return error_set_errno(error, -r, "can't execute " MKFS " for volume \"%s\"", spec->name);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return failed(spec, negative_errno(), "wait for the file system of", error);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return error_set(error, ERROR_START_FAILED,
                                 MKFS " could not make the file system of volume \"%s\"; is its size enough "
                                      "for the image's files?",
                                 spec->name);
        return 0;
}

static int make_image(const VolumeSpec *spec, int dir_fd, Error *error) {
        _cleanup_close_ int fd =
                openat(dir_fd, IMAGE_NEW, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0 || ftruncate(fd, spec->size) < 0)
                return failed(spec, negative_errno(), "make the file of", error);
        int r = run_mkfs(spec, dir_fd, error);
        if (r < 0) {
                (void) unlinkat(dir_fd, IMAGE_NEW, 0);
                return r;
        }
        if (fsync(fd) < 0 || renameat(dir_fd, IMAGE_NEW, dir_fd, VOLUME_IMAGE) < 0 || fsync(dir_fd) < 0)
                return failed(spec, negative_errno(), "store the file of", error);
        return 0;
}

static int configure_loop(int control_fd, int image_fd, int *ret_fd) {
        struct loop_config config = {
                .fd = image_fd,
                .info.lo_flags = LO_FLAGS_AUTOCLEAR,
        };

        for (unsigned i = 0; i < LOOP_TRIES; i++) {
                char path[DATA_PATH_MAX];
                int number = ioctl(control_fd, LOOP_CTL_GET_FREE);
                if (number < 0)
                        return negative_errno();
                snprintf(path, sizeof(path), "/dev/loop%d", number);
                _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
                if (fd < 0)
                        return negative_errno();
                if (ioctl(fd, LOOP_CONFIGURE, &config) >= 0) {
                        *ret_fd = TAKE_FD(fd);
                        return number;
                }
                if (errno != EBUSY) /* another one was quicker */
                        return negative_errno();
        }
        return -EBUSY;
}

/* The file system's root becomes what the folder was; and programs that want an empty folder get one. */
static void finish_image(int dir_fd, const struct stat *st) {
        _cleanup_close_ int fd = openat(dir_fd, VOLUME_DATA, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 || unlinkat(fd, "lost+found", AT_REMOVEDIR) < 0)
                return;
        (void) fchown(fd, st->st_uid, st->st_gid);
        (void) fchmod(fd, st->st_mode & 07777);
}

static int mount_loop(const VolumeSpec *spec, int dir_fd, const char *target, Error *error) {
        _cleanup_close_ int control_fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
        _cleanup_close_ int loop_fd = -EBADF;
        char device[DATA_PATH_MAX];
        struct stat st;

        if (control_fd < 0)
                return error_set_errno(error, negative_errno(), "can't get a loop device for volume \"%s\"",
                                       spec->name);
        if (fstatat(dir_fd, VOLUME_DATA, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return failed(spec, negative_errno(), "find the folder of", error);
        bool made = faccessat(dir_fd, VOLUME_IMAGE, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
        int r = made ? make_image(spec, dir_fd, error) : 0;
        if (r < 0)
                return r;
        _cleanup_close_ int image_fd = openat(dir_fd, VOLUME_IMAGE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        if (image_fd < 0)
                return failed(spec, negative_errno(), "open the file of", error);
        int number = configure_loop(control_fd, image_fd, &loop_fd);
        if (number < 0)
                return error_set_errno(error, number, "can't get a loop device for volume \"%s\"",
                                       spec->name);
        snprintf(device, sizeof(device), "/dev/loop%d", number);
        if (mount(device, target, "ext4", MS_NODEV, NULL) < 0)
                return failed(spec, negative_errno(), "mount the file of", error);
        if (made)
                finish_image(dir_fd, &st);
        return 0;
}

/* ---- both ---- */

static bool is_mounted(int dir_fd) {
        struct statx st;

        return statx(dir_fd, VOLUME_DATA, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &st) >= 0 &&
               (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

int volume_mount(const VolumeSpec *spec, int dir_fd, Error *error) {
        char target[DATA_PATH_MAX];

        if (is_mounted(dir_fd))
                return 0;
        /* By the descriptor: nothing on the way there can be replaced meanwhile. */
        snprintf(target, sizeof(target), "/proc/self/fd/%d/" VOLUME_DATA, dir_fd);
        return volume_is_loop(spec) ? mount_loop(spec, dir_fd, target, error)
                                    : mount_local(spec, target, error);
}

static bool has_program(const char *name) {
        static const char *const folders[] = { "/usr/sbin/", "/sbin/", "/usr/bin/" };

        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                _cleanup_free_ char *path = string_join(folders[i], name);
                if (path && access(path, X_OK) >= 0)
                        return true;
        }
        return false;
}

int volume_mount_probe(const VolumeSpec *spec, Error *error) {
        if (!volume_is_loop(spec))
                return 0;
        if (access("/dev/loop-control", F_OK) < 0)
                return error_set(error, ERROR_UNSUPPORTED,
                                 "the driver \"loop\" needs loop devices, which this host does not have");
        if (!has_program(MKFS))
                return error_set(error, ERROR_UNSUPPORTED,
                                 "the driver \"loop\" needs " MKFS " (Debian: e2fsprogs)");
        return 0;
}
