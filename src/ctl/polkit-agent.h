/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Asks for a password on the terminal when polkit wants one: pkttyagent(1), as systemctl does it. */

/* Starts it once, for a user other than root on a terminal, and waits until it has registered. Without an agent polkit
 * just says no. */
void polkit_agent_open(void);
void polkit_agent_close(void);
