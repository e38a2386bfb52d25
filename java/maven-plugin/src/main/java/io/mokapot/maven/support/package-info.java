// SPDX-License-Identifier: Apache-2.0
/** What all other packages use, and which uses none of them. */
package io.mokapot.maven.support;
