/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session.h"

int registry_log_in(RegistrySession *session, char **ret_identity_token, Error *error) {
        Registry *registry = session->registry;
        _cleanup_(http_response_done) HttpResponse response = {};
        _cleanup_error_ Error why = {};
        const RegistryRequest request = { .path = "/v2/", .is_whole_path = true };

        registry->offline = true;
        int r = session_request(session, &request, &response, &why);
        if (r < 0 && response.status == 404)
                return error_set(error, ERROR_UNSUPPORTED,
                                 "%s: there is no registry (of the API's version 2)", registry->purpose);
        if (r < 0) {
                error_move(error, &why);
                return r;
        }
        *ret_identity_token = TAKE_PTR(session->endpoint->refresh_token);
        return 0;
}
