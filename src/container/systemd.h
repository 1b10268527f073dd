/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* org.freedesktop.systemd1 as containers use it: scopes started and awaited, the freezer, requests to stop. */

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "error.h"
#include "macro.h"
#include "scope-message.h"

typedef struct Systemd Systemd;
typedef struct UnitJob UnitJob;

/* error is NULL when it went well; borrowed. */
typedef void (*SystemdDone)(const Error *error, void *userdata);

/* request_stop: systemd wants this unit, whose controller berthd is, to end. */
int systemd_new(sd_bus *bus, void (*request_stop)(const char *unit, void *userdata), void *userdata,
                Systemd **ret);
Systemd *systemd_free(Systemd *systemd); /* no job may be left */
DEFINE_CLEANUP(Systemd *, systemd_free);

/* Sends StartTransientUnit at once; done() is called when the scope runs. A unit of that name that is still going away
 * is waited for. The job frees itself after done(). */
int systemd_start_scope(Systemd *systemd, const ScopeSpec *scope, SystemdDone done, void *userdata,
                        UnitJob **ret, Error *error);
int systemd_start_unit(Systemd *systemd, const char *unit, SystemdDone done, void *userdata, UnitJob **ret);
/* done() will not be called. Returns NULL. */
UnitJob *unit_job_drop(UnitJob *job);

/* A method of the manager that takes the unit's name and returns nothing: FreezeUnit, ThawUnit. *ret_slot: unref it to
 * forget the call. */
int systemd_call_unit(Systemd *systemd, const char *method, const char *unit, SystemdDone done,
                      void *userdata, UnitJob **ret);
/* SetUnitProperties of all that is in `after`, whatever systemctl set-property has made of it meanwhile; what is only in
 * `before` gets its default (maps, see scope-property.h). Until the unit ends, as it is a transient one. Returns 1 when there is nothing to change; done() is
 * not called then. */
int systemd_change_properties(Systemd *systemd, const char *unit, char *const *before, char *const *after,
                              SystemdDone done, void *userdata, UnitJob **ret, Error *error);
/* Its major version; 0: unknown yet. */
unsigned systemd_version(const Systemd *systemd) _pure_;
/* Whether the host is shutting down: answer() hands the reply to systemd_is_stopping(). */
int systemd_ask_stopping(Systemd *systemd, sd_bus_message_handler_t answer, void *userdata,
                         sd_bus_slot **ret_slot);
bool systemd_is_stopping(sd_bus_message *answer);
/* The units "berth-*.scope" that systemd is stopping right now go to request_stop(), as the request may have come while
 * nobody was there to hear it. */
int systemd_ask_missed_requests(Systemd *systemd);
/* The path of a service's cgroup below the root of the tree, in "ControlGroup" (s). */
int systemd_ask_cgroup(Systemd *systemd, const char *service, sd_bus_message_handler_t answer,
                       void *userdata, sd_bus_slot **ret_slot);
