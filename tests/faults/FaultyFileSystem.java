package tactful.tests;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import org.apache.hadoop.fs.CreateFlag;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/**
 * The local disk under the scheme `faulty`, whose creates, renames and deletes can be made to fail.
 *
 * An operation is known by its label: its kind and its path, shortened by the rules. While armed,
 * the first operation with a label that never failed before does not happen. In mode `dead`
 * nothing changes the disk from then on, as after `kill -9`, until it is armed anew; in mode
 * `once` each kind of operation fails at its first try and works at the next, as where an object
 * store has short failures; in mode `deaf` it does happen, and only its answer is lost. In mode
 * `full` writes fail instead, from the first with a new label on, until space is made by arming
 * anew; creates leave empty files. In mode `refuse` a rename or a delete does not happen and
 * answers `false` at its first try, and a rename onto what is there always does, as on HDFS.
 *
 * Compiled by Spark's own Janino, which knows no type parameters.
 */
public class FaultyFileSystem extends RawLocalFileSystem {
    private final ArrayList patterns = new ArrayList();
    private final ArrayList replacements = new ArrayList();
    private final HashSet met = new HashSet();
    private String mode = "";
    private String diedAt = null;
    private long operations = 0;

    public URI getUri() {
        return URI.create("faulty:///");
    }

    public String getScheme() {
        return "faulty";
    }

    public synchronized void shorten(String pattern, String replacement) {
        this.patterns.add(pattern);
        this.replacements.add(replacement);
    }

    public synchronized void arm(String mode) {
        this.mode = mode;
        this.diedAt = null;
    }

    public synchronized void disarm() {
        this.mode = "";
        this.diedAt = null;
    }

    public synchronized void forget() {
        this.disarm();
        this.met.clear();
        this.patterns.clear();
        this.replacements.clear();
        this.operations = 0;
    }

    /** Without owner and rights, which the local disk looks up under its own scheme only. */
    public FileStatus[] listStatus(Path f) throws IOException {
        FileStatus[] told = super.listStatus(f);
        for (int i = 0; i < told.length; i++) {
            told[i] = new FileStatus(told[i].getLen(), told[i].isDirectory(), 1,
                told[i].getBlockSize(), told[i].getModificationTime(), told[i].getPath());
        }
        return told;
    }

    public synchronized String diedAt() {
        return this.diedAt;
    }

    public synchronized int met() {
        return this.met.size();
    }

    public synchronized long operations() {
        return this.operations;
    }

    /** Whether the operation happens, and only its answer is to be lost. */
    private synchronized boolean asked(String kind, Path path) throws IOException {
        boolean full = this.mode.equals("full");
        if (this.mode.equals("") || this.mode.equals("refuse")) return false;
        if (full != kind.equals("write")) return false;
        this.operations++;
        if (this.diedAt != null && full) {
            throw new IOException("No space left on device since " + this.diedAt);
        }
        if (this.diedAt != null && this.mode.equals("dead")) {
            throw new IOException("the disk is gone since " + this.diedAt);
        }
        if (!this.isNew(kind, path)) return false;
        if (this.mode.equals("deaf")) return true;
        throw new IOException("injected failure of " + this.diedAt);
    }

    /** Whether the operation does not happen, and only its answer says so. */
    private synchronized boolean refused(String kind, Path path) {
        if (!this.mode.equals("refuse")) return false;
        this.operations++;
        return this.isNew(kind, path);
    }

    private boolean isNew(String kind, Path path) {
        String label = kind + " " + path.toUri().getPath();
        for (int i = 0; i < this.patterns.size(); i++) {
            label = label.replaceAll((String) this.patterns.get(i), (String) this.replacements.get(i));
        }
        if (!this.met.add(label)) return false;
        this.diedAt = label;
        return true;
    }

    private void answer(boolean lost) throws IOException {
        if (lost) throw new IOException("injected loss of the answer to " + this.diedAt);
    }

    private FSDataOutputStream guarded(Path f, FSDataOutputStream out) throws IOException {
        return new FSDataOutputStream(new Guarded(this, f, out), null);
    }

    void written(Path f) throws IOException {
        this.asked("write", f);
    }

    /** A stream that asks for space before it writes. */
    static class Guarded extends FilterOutputStream {
        private final FaultyFileSystem disk;
        private final Path path;

        Guarded(FaultyFileSystem disk, Path path, OutputStream out) {
            super(out);
            this.disk = disk;
            this.path = path;
        }

        public void write(int b) throws IOException {
            this.disk.written(this.path);
            this.out.write(b);
        }

        public void write(byte[] bytes, int from, int count) throws IOException {
            this.disk.written(this.path);
            this.out.write(bytes, from, count);
        }
    }

    public FSDataOutputStream create(Path f, boolean overwrite, int bufferSize, short replication,
            long blockSize, Progressable progress) throws IOException {
        boolean lost = this.asked("create", f);
        FSDataOutputStream out = super.create(f, overwrite, bufferSize, replication, blockSize, progress);
        this.answer(lost);
        return this.guarded(f, out);
    }

    public FSDataOutputStream create(Path f, FsPermission permission, boolean overwrite,
            int bufferSize, short replication, long blockSize, Progressable progress)
            throws IOException {
        boolean lost = this.asked("create", f);
        FSDataOutputStream out =
            super.create(f, permission, overwrite, bufferSize, replication, blockSize, progress);
        this.answer(lost);
        return this.guarded(f, out);
    }

    public FSDataOutputStream createNonRecursive(Path f, FsPermission permission, EnumSet flags,
            int bufferSize, short replication, long blockSize, Progressable progress)
            throws IOException {
        boolean lost = this.asked("create", f);
        FSDataOutputStream out = super.createNonRecursive(
            f, permission, flags, bufferSize, replication, blockSize, progress);
        this.answer(lost);
        return this.guarded(f, out);
    }

    public boolean rename(Path src, Path dst) throws IOException {
        if (this.refused("rename", dst)) return false;
        if (this.mode.equals("refuse") && this.exists(dst)) return false;
        boolean lost = this.asked("rename", dst);
        boolean done = this.renamed(src, dst);
        this.answer(lost);
        return done;
    }

    /** In one move, as on HDFS: a small file of ours takes nobody's place. */
    private synchronized boolean renamed(Path src, Path dst) throws IOException {
        if (src.getName().endsWith(".part") && this.exists(dst)) return false;
        return super.rename(src, dst);
    }

    public boolean delete(Path p, boolean recursive) throws IOException {
        if (this.refused("delete", p)) return false;
        boolean lost = this.asked("delete", p);
        boolean done = super.delete(p, recursive);
        this.answer(lost);
        return done;
    }
}
