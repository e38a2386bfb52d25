// SPDX-License-Identifier: Apache-2.0
/** moka as a child process: its command line, its events, its end. */
package io.mokapot.maven.moka;
