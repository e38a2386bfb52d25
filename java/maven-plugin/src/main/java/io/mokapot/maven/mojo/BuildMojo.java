// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.mojo;

import io.mokapot.maven.application.Application;
import io.mokapot.maven.moka.Moka;
import io.mokapot.maven.support.Advice;
import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.inject.Inject;
import org.apache.maven.plugins.annotations.Execute;
import org.apache.maven.plugins.annotations.LifecyclePhase;
import org.apache.maven.plugins.annotations.Mojo;
import org.apache.maven.plugins.annotations.Parameter;
import org.apache.maven.plugins.annotations.ResolutionScope;
import org.apache.maven.project.MavenProjectHelper;

/** Packages the project and makes a bootable image of its application. */
@Mojo(name = "build", requiresDependencyResolution = ResolutionScope.RUNTIME, threadSafe = true)
@Execute(phase = LifecyclePhase.PACKAGE)
public final class BuildMojo extends VmMojo {
    /** What of an image's name tells its format; the folder of a pair has none. */
    private static final Map<String, String> SUFFIXES = Map.of("qcow2", ".qcow2", "raw", ".img",
            "gce", ".tar.gz", "vmdk", ".vmdk", "pair", "-vm");

    /** The image's format: qcow2, raw, pair (a folder with kernel, initrd and disk). */
    @Parameter(property = "mokapot.format", defaultValue = "qcow2")
    private String format;

    /** The image; else target/NAME.qcow2, or what fits the format. */
    @Parameter(property = "mokapot.image")
    private File image;

    /** Whether install and deploy take the image along, as the project's artifact of that type. */
    @Parameter(property = "mokapot.attach", defaultValue = "false")
    private boolean attach;

    /**
     * Whether the application is run once, so that the image starts sooner. Not by itself: a build is no
     * place where one expects to be run.
     */
    @Parameter(property = "mokapot.train", defaultValue = "false")
    private boolean train;

    @Inject private MavenProjectHelper projectHelper;

    @Override
    protected void executeWith(Application application) throws Advice {
        String suffix = SUFFIXES.get(format);
        if (suffix == null) {
            throw new Advice("-Dmokapot.format=" + format + " is no format; give qcow2, raw or pair");
        }
        Path output = image != null ? image.toPath()
                : buildFolder().resolve(project().getBuild().getFinalName() + suffix);
        Moka moka = moka();
        List<String> words = new ArrayList<>(List.of("-o", output.toString(), "--format", format));
        if (!train) {
            words.add("--no-train");
        }
        int status = waitFor(moka.start(moka.build(application, vmOptions(), words).inheritIO()));
        if (status != 0) {
            throw new Advice("moka build ended with status " + status + "; it says above why");
        }
        getLog().info("image: " + output);
        if (attach && !format.equals("pair")) {
            projectHelper.attachArtifact(project(), suffix.substring(1), output.toFile());
        }
    }
}
