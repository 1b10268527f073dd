/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What all verbs of berthctl share: the global options and the connection to berthd. */

#include <jansson.h>
#include <systemd/sd-bus.h>

#include "error.h"
#include "json-util.h"
#include "macro.h"
#include "verbs.h"

#define BERTH_SERVICE "org.berth1"
#define BERTH_PATH "/org/berth1"
#define MANAGER_INTERFACE "org.berth1.Manager"
#define CONTAINER_INTERFACE "org.berth1.Container"
#define IMAGE_INTERFACE "org.berth1.Image"
#define JOB_INTERFACE "org.berth1.Job"
#define VOLUME_INTERFACE "org.berth1.Volume"

/* D-Bus timeouts: of what answers at once, and of what takes as long as it takes. */
#define CALL_SHORT (90 * UINT64_C(1000000))
#define CALL_FOR_EVER UINT64_MAX

typedef struct Ctl {
        /* Global options; the table in main.c knows where they are. */
        const char *host;
        bool user;
        bool no_pager;
        bool no_legend;
        bool quiet;
        const char *json; /* "pretty", "short", "off" or NULL */
        const char *color;

        sd_bus *bus; /* after ctl_connect() */
} Ctl;

extern const Program berthctl_program;

/* What is printed is JSON. */
static inline bool ctl_wants_json(const Ctl *ctl) {
        return ctl->json && ctl->json[0] != 'o';
}
/* Long output follows. */
void ctl_page(const Ctl *ctl);
/* Prints "berthctl: …" at once, where the verb goes on with the next name. */
void ctl_report(const Error *error);

/* ---- bus.c ---- */

int ctl_connect(Ctl *ctl, Error *error);
void ctl_disconnect(Ctl *ctl);
/* ERROR_UNSUPPORTED with -H: what follows passes descriptors. */
int ctl_check_local(const Ctl *ctl, Error *error);
/* Connects when needed. interface NULL: the manager's, path NULL: the manager. */
int ctl_message_new(Ctl *ctl, const char *path, const char *interface, const char *member,
                    sd_bus_message **ret, Error *error);
/* Sends it and waits; ret may be NULL. What went wrong is one sentence in `error`. */
int ctl_call(Ctl *ctl, sd_bus_message *m, uint64_t timeout, sd_bus_message **ret, Error *error);
/* All in one, for calls with simple arguments. */
int ctl_call_method(Ctl *ctl, const char *path, const char *interface, const char *member, uint64_t timeout,
                    sd_bus_message **ret, Error *error, const char *types, ...);
/* The sd_bus_error of a reply, or of a connection, as an Error. r: what the call gave (for a local failure). */
int ctl_error_from_bus(const sd_bus_error *e, int r, Error *error);
/* berthd went away in the middle of a call, which can be asked again. */
bool ctl_error_is_disconnect(const sd_bus_error *e);

static inline void bus_message_unrefp(sd_bus_message **m) {
        sd_bus_message_unref(*m);
}
#define _cleanup_message_ _cleanup_(bus_message_unrefp)
static inline void bus_slot_unrefp(sd_bus_slot **slot) {
        sd_bus_slot_unref(*slot);
}
#define _cleanup_slot_ _cleanup_(bus_slot_unrefp)
static inline void bus_error_donep(sd_bus_error *e) {
        sd_bus_error_free(e);
}
#define _cleanup_bus_error_ _cleanup_(bus_error_donep)

/* ---- objects.c ---- */

/* The object path of a container or image by name or id; an unknown name gets a suggestion. */
int ctl_find_container(Ctl *ctl, const char *name, char **ret_path, Error *error);
int ctl_find_image(Ctl *ctl, const char *name, char **ret_path, Error *error);
/* Its properties as a JSON object; times as they are on the bus. */
int ctl_properties(Ctl *ctl, const char *path, const char *interface, json_t **ret, Error *error);
/* ListContainers or ListImages: an array of objects of properties, each with its object path as "Path". `append`
 * writes the entries of the filter dictionary; NULL: none. */
typedef int (*AppendFilter)(sd_bus_message *m, void *userdata);
int ctl_list(Ctl *ctl, const char *method, AppendFilter append, void *userdata, json_t **ret, Error *error);
int ctl_list_all_containers(Ctl *ctl, json_t **ret, Error *error);
/* A property's text, "" when it is not there. */
const char *json_text(const json_t *object, const char *key);
uint64_t json_number(const json_t *object, const char *key);
bool json_flag(const json_t *object, const char *key);

/* ---- each.c: the same for several containers ---- */

typedef struct EachCall {
        const char *verb;                                 /* "stop": in `cannot stop "web": …` */
        const char *member;                               /* of org.berth1.Container */
        int (*append)(sd_bus_message *m, void *userdata); /* the arguments; NULL: none */
        void *userdata;
        bool already_is_fine; /* the error Already counts as success */
        bool missing_is_fine; /* and so does NoSuchContainer */
        /* What to print for a success; NULL: the name. */
        int (*succeeded)(const char *name, sd_bus_message *reply, void *userdata);
} EachCall;

/* Calls the method on all of the containers at once, waits for all, reports each failure. Returns the exit status: 0, or
 * 1 when any failed. */
int ctl_call_each(Ctl *ctl, char **names, const EachCall *call, Error *error);

/* `cannot stop "web": why`, unless the message says so itself. */
int ctl_cannot(Error *error, int r, const char *verb, const char *what);
