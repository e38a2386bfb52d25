// SPDX-License-Identifier: Apache-2.0
/** What of a project is to run: found in what Maven built, without Maven's own types. */
package io.mokapot.maven.application;
