/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "container-spec.h"
#include "object-bus.h"
#include "pager.h"
#include "string-util.h"
#include "terminal.h"
#include "verbs-ctl.h"

void ctl_report(const Error *error) {
        string_blank_controls(error->message);
        fflush(stdout);
        fprintf(stderr, "berthctl: %s\n", error->message ?: "out of memory");
}

void ctl_page(const Ctl *ctl) {
        if (!ctl->no_pager)
                pager_open();
}

int verb_help(void *context, char **arguments, void *options, Error *error) {
        Ctl *ctl = context;
        size_t n_words;

        if (!arguments[0]) {
                ctl_page(ctl);
                return program_help(&berthctl_program, NULL, stdout);
        }
        const Verb *verb = verb_find(&berthctl_program, arguments, &n_words);
        if (!verb && !arguments[1] && verb_is_noun(&berthctl_program, arguments[0]))
                return program_help_noun(&berthctl_program, arguments[0], stdout);
        if (!verb)
                return verb_report_unknown(&berthctl_program, arguments, error);
        return program_help(&berthctl_program, verb, stdout);
}

int verb_manual(void *context, char **arguments, void *options, Error *error) {
        return program_manual(&berthctl_program, stdout);
}

/* "Image\ts\tContainer.Image": what berth.container(5) must describe. */
int verb_spec_keys(void *context, char **arguments, void *options, Error *error) {
        static const ObjectType *const types[] = { &container_spec_type, &mount_spec_type,
                                                   &restart_policy_type, &network_attachment_type };

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                for (const Field *f = types[i]->fields; f->name; f++)
                        if (!(f->flags & FIELD_INTERNAL))
                                printf("%s\t%s\t%s\t%s\n", types[i]->name, f->name, field_bus_signature(f),
                                       strempty(f->key));
        return EXIT_SUCCESS;
}
