/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/queue.h>

#include "polkit.h"
#include "string-util.h"

#define SENDERS_MAX 64
#define QUERIES_MAX 64 /* calls of one sender that wait for an answer at a time */

/* An agent may ask a person; this is how long that person may take. */
#define AUTHORIZATION_TIMEOUT_USEC UINT64_C(600000000)

typedef enum Answer {
        ANSWER_PENDING,
        ANSWER_ALLOWED,
        ANSWER_DENIED,
        ANSWER_CHALLENGE, /* denied, but a password would help */
} Answer;

typedef struct Query {
        Polkit *polkit;
        sd_bus_message *call;
        sd_bus_slot *slot;
        char *action;
        char **details;
        Answer answer;
        LIST_ENTRY(Query) list;
} Query;

typedef struct Sender {
        char name[32]; /* unique name, empty: unused */
        uid_t uid;
} Sender;

struct Polkit {
        sd_bus *bus;
        LIST_HEAD(, Query) queries;
        Sender senders[SENDERS_MAX];
        size_t next_sender;
        sd_event_source *sweep;
};

static Query *query_free(Query *query) {
        if (!query)
                return NULL;
        LIST_REMOVE(query, list);
        sd_bus_slot_unref(query->slot);
        sd_bus_message_unref(query->call);
        free(query->action);
        for (char **s = query->details; s && *s; s++)
                free(*s);
        free(query->details);
        free(query);
        return NULL;
}

/* A message that was dispatched again may have found no handler (its object is gone). When the bus has nothing left to
 * dispatch, answers that nobody came for are dropped. */
static int on_sweep(sd_event_source *source, void *userdata) {
        Polkit *polkit = userdata;
        Query *next;

        for (Query *q = LIST_FIRST(&polkit->queries); q; q = next) {
                next = LIST_NEXT(q, list);
                if (q->answer != ANSWER_PENDING)
                        query_free(q);
        }
        return 0;
}

int polkit_new(sd_bus *bus, Polkit **ret) {
        _cleanup_(polkit_freep) Polkit *polkit = new0(Polkit, 1);

        if (!polkit)
                return -ENOMEM;
        polkit->bus = sd_bus_ref(bus);
        LIST_INIT(&polkit->queries);
        int r = sd_event_add_defer(sd_bus_get_event(bus), &polkit->sweep, on_sweep, polkit);
        if (r < 0 || (r = sd_event_source_set_enabled(polkit->sweep, SD_EVENT_OFF)) < 0 ||
            (r = sd_event_source_set_priority(polkit->sweep, SD_EVENT_PRIORITY_IDLE)) < 0)
                return r;
        *ret = TAKE_PTR(polkit);
        return 0;
}

Polkit *polkit_free(Polkit *polkit) {
        if (!polkit)
                return NULL;
        while (!LIST_EMPTY(&polkit->queries))
                query_free(LIST_FIRST(&polkit->queries));
        sd_event_source_disable_unref(polkit->sweep);
        sd_bus_unref(polkit->bus);
        free(polkit);
        return NULL;
}

static const Sender *find_sender(const Polkit *polkit, const char *name) {
        for (size_t i = 0; i < SENDERS_MAX; i++)
                if (streq(polkit->senders[i].name, name))
                        return &polkit->senders[i];
        return NULL;
}

static void remember_sender(Polkit *polkit, const char *name, uid_t uid) {
        Sender *sender = &polkit->senders[polkit->next_sender];

        if (strlen(name) >= sizeof(sender->name) || find_sender(polkit, name))
                return;
        strcpy(sender->name, name);
        sender->uid = uid;
        polkit->next_sender = (polkit->next_sender + 1) % SENDERS_MAX;
}

static void answer(Query *query, Answer given) {
        query->answer = given;
        query->slot = sd_bus_slot_unref(query->slot);
        if (sd_bus_enqueue_for_read(query->polkit->bus, query->call) < 0)
                query_free(query);
        else
                (void) sd_event_source_set_enabled(query->polkit->sweep, SD_EVENT_ONESHOT);
}

static int on_authorization(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Query *query = userdata;
        int authorized = false, challenge = false;

        /* Without polkit, or with a broken one, only root may do anything. */
        if (sd_bus_message_is_method_error(reply, NULL) ||
            sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
            sd_bus_message_read(reply, "bb", &authorized, &challenge) < 0)
                authorized = challenge = false;
        answer(query, authorized ? ANSWER_ALLOWED : challenge ? ANSWER_CHALLENGE : ANSWER_DENIED);
        return 1;
}

static int append_details(sd_bus_message *m, char *const *details) {
        int r = sd_bus_message_open_container(m, 'a', "{ss}");

        for (size_t i = 0; r >= 0 && details && details[i]; i += 2)
                r = sd_bus_message_append(m, "{ss}", details[i], details[i + 1]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int ask_polkit(Query *query) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        bool interactive = sd_bus_message_get_allow_interactive_authorization(query->call) > 0;
        int r;

        if ((r = sd_bus_message_new_method_call(query->polkit->bus, &m, "org.freedesktop.PolicyKit1",
                                                "/org/freedesktop/PolicyKit1/Authority",
                                                "org.freedesktop.PolicyKit1.Authority",
                                                "CheckAuthorization")) < 0 ||
            (r = sd_bus_message_append(m, "(sa{sv})s", "system-bus-name", 1, "name", "s",
                                       sd_bus_message_get_sender(query->call), query->action)) < 0 ||
            (r = append_details(m, query->details)) < 0 ||
            (r = sd_bus_message_append(m, "us", (uint32_t) interactive, "")) < 0)
                return r;
        query->slot = sd_bus_slot_unref(query->slot);
        return sd_bus_call_async(query->polkit->bus, &query->slot, m, on_authorization, query,
                                 AUTHORIZATION_TIMEOUT_USEC);
}

static int on_sender(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Query *query = userdata;
        uint32_t uid;

        if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read(reply, "u", &uid) < 0) {
                answer(query, ANSWER_DENIED);
                return 1;
        }
        remember_sender(query->polkit, sd_bus_message_get_sender(query->call), uid);
        if (uid == 0)
                answer(query, ANSWER_ALLOWED);
        else if (ask_polkit(query) < 0)
                answer(query, ANSWER_DENIED);
        return 1;
}

static int copy_details(Query *query, const char *const *details) {
        size_t n = 0;

        while (details && details[n])
                n++;
        query->details = new0(char *, n + 1);
        if (!query->details)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (!(query->details[i] = strdup(details[i])))
                        return -ENOMEM;
        return 0;
}

static int query_start(Polkit *polkit, sd_bus_message *call, const char *action, const char *const *details,
                       const Sender *sender) {
        Query *query = new0(Query, 1);

        if (!query)
                return -ENOMEM;
        *query = (Query){ .polkit = polkit, .call = sd_bus_message_ref(call), .action = strdup(action) };
        LIST_INSERT_HEAD(&polkit->queries, query, list);

        int r = query->action ? copy_details(query, details) : -ENOMEM;
        if (r >= 0)
                r = sender ? ask_polkit(query)
                           : sd_bus_call_method_async(polkit->bus, &query->slot, "org.freedesktop.DBus",
                                                      "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                                      "GetConnectionUnixUser", on_sender, query, "s",
                                                      sd_bus_message_get_sender(call));
        if (r < 0)
                query_free(query);
        return r;
}

static size_t count_queries(const Polkit *polkit, const char *sender) {
        const Query *query;
        size_t n = 0;

        LIST_FOREACH(query, &polkit->queries, list)
                n += streq(sd_bus_message_get_sender(query->call), sender);
        return n;
}

int polkit_authorize(Polkit *polkit, sd_bus_message *call, const char *action, const char *const *details,
                     bool *ret_interaction_helps, Error *error) {
        Query *query;

        *ret_interaction_helps = false;
        if (!action)
                return 1;
        LIST_FOREACH(query, &polkit->queries, list) {
                if (query->call != call || !streq(query->action, action))
                        continue;
                Answer given = query->answer;
                query_free(query);
                if (given == ANSWER_ALLOWED)
                        return 1;
                *ret_interaction_helps = given == ANSWER_CHALLENGE;
                return error_set(error, ERROR_DENIED, "you are not authorized for that (polkit action %s)",
                                 action);
        }

        const char *name = sd_bus_message_get_sender(call);
        const Sender *sender = name ? find_sender(polkit, name) : NULL;
        if (sender && sender->uid == 0)
                return 1;
        if (!name || count_queries(polkit, name) >= QUERIES_MAX)
                return error_set(error, ERROR_DENIED, "too many of your calls wait for an authorization");
        int r = query_start(polkit, call, action, details, sender);
        return r < 0 ? error_set_errno(error, r, "cannot ask polkit") : 0;
}
