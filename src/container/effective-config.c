/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>

#include "effective-config.h"
#include "parse-util.h"
#include "string-util.h"
#include "strv.h"
#include "systemd-mode.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int append_all(char ***target, char *const *source) {
        for (size_t i = 0; source && source[i]; i++) {
                int r = strv_extend(target, source[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int put_all(char ***map, char *const *source) {
        for (size_t i = 0; source && source[i]; i++) {
                /* An image may name variables without a value; they mean nothing. */
                if (!strchr(source[i], '='))
                        continue;
                int r = strv_map_put(map, source[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int make_arguments(const ContainerSpec *spec, const ImageConfig *image, char ***ret) {
        bool own_entrypoint = spec->reset_entrypoint || !strv_isempty(spec->entrypoint);
        char *const *entrypoint = own_entrypoint ? spec->entrypoint : image->entrypoint;
        char *const *command =
                !strv_isempty(spec->command) || own_entrypoint ? spec->command : image->command;

        if (spec->reset_entrypoint)
                entrypoint = NULL;
        int r = append_all(ret, entrypoint);
        return r < 0 ? r : append_all(ret, command);
}

static int make_environment(const ContainerSpec *spec, const ImageConfig *image, const char *hostname,
                            bool systemd, char ***ret) {
        int r;

        if ((r = strv_map_set(ret, "PATH", DEFAULT_PATH)) < 0 ||
            (systemd && (r = systemd_mode_environment(spec, ret)) < 0) ||
            (r = strv_map_set(ret, "HOSTNAME", hostname)) < 0 ||
            (spec->terminal && (r = strv_map_set(ret, "TERM", "xterm")) < 0) ||
            (r = put_all(ret, image->environment)) < 0)
                return r;
        return put_all(ret, spec->environment);
}

static const char *choose(const char *own, const char *inherited, const char *otherwise) {
        return !isempty(own) ? own : !isempty(inherited) ? inherited : otherwise;
}

static int make_hostname(const ContainerSpec *spec, const char *host_name, char **ret) {
        if (!isempty(spec->hostname))
                return free_and_strdup(ret, spec->hostname);
        if (spec->network == NETWORK_HOST && host_name)
                return free_and_strdup(ret, host_name);
        *ret = strndup(strempty(spec->id), CONTAINER_ID_SHORT);
        return *ret ? 0 : -ENOMEM;
}

static int fill(const ContainerSpec *spec, const ImageConfig *image, const char *host_name,
                EffectiveConfig *config) {
        int r;

        if ((r = make_hostname(spec, host_name, &config->hostname)) < 0 ||
            (r = make_arguments(spec, image, &config->arguments)) < 0)
                return r;
        config->systemd = systemd_mode_applies(spec, config->arguments);
        if ((r = make_environment(spec, image, config->hostname, config->systemd, &config->environment)) <
                    0 ||
            (r = free_and_strdup(&config->working_directory,
                                 choose(spec->working_directory, image->working_directory, "/"))) < 0 ||
            (r = free_and_strdup(&config->user, choose(spec->user, image->user, ""))) < 0 ||
            (r = put_all(&config->labels, image->labels)) < 0 ||
            (r = put_all(&config->labels, spec->labels)) < 0)
                return r;
        int signal = parse_signal(choose(spec->stop_signal, image->stop_signal,
                                         config->systemd ? SYSTEMD_STOP_SIGNAL : "SIGTERM"));
        config->stop_signal = signal > 0 ? signal : SIGTERM;
        return health_check_merge(&spec->health, &image->health, &config->health);
}

int effective_config_make(const ContainerSpec *spec, const ImageConfig *image, const char *host_name,
                          EffectiveConfig *ret) {
        *ret = (EffectiveConfig){};
        int r = fill(spec, image, host_name, ret);
        if (r < 0)
                effective_config_done(ret);
        return r;
}

void effective_config_done(EffectiveConfig *config) {
        strv_free(config->arguments);
        strv_free(config->environment);
        strv_free(config->labels);
        free(config->working_directory);
        free(config->user);
        free(config->hostname);
        object_done(&health_check_type, &config->health);
        *config = (EffectiveConfig){};
}
