"""A virtual machine with all cgroup controllers, which test hosts lack: QEMU's emulation, so no KVM is needed.

What it boots from is made once (tests/vm/make-image), then it boots once, and its memory and devices are saved when it is up:
every run resumes from there, and nothing that it writes is kept. They are in a folder of CACHE, which is named after all that
determines them:

    vmlinuz initrd root.img     what it boots from; root.img is as it was when the machine was saved
    memory state                of the saved machine

A run is given its job on a second disk: one line in the first block, "berth job TIME", and from the second MiB on a tar, in
which `command` is a script of bash. It answers on two virtio ports: what the script says, and how it ended ("exit 0").
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

import testhost

VM = testhost.CHECKOUT / "tests" / "vm"
CACHE = pathlib.Path(os.environ.get("BERTH_VM_CACHE") or "/var/cache/berth-tests")
MEMORY = 1024       # MiB
JOB_SIZE = 256 << 20
MAKE_SECONDS, BOOT_SECONDS = 480, 180

# Without what guards against neighbours that it has not, the guest is twice as fast.
KERNEL_ARGUMENTS = ("console=ttyS0 root=/dev/vda rw quiet loglevel=4 panic=-1 random.trust_cpu=on mitigations=off"
                    " apparmor=0 selinux=0 audit=0 nokaslr")


class VmError(Exception):
    """Something that the user must know, in words for the user."""


def key():
    """Changes with everything that an image is made of, but for newer packages of the same Debian."""
    recipe = hashlib.sha256()
    for path in [VM / "make-image", *sorted((VM / "image").iterdir())]:
        recipe.update(path.read_bytes())
    lines = (testhost.CHECKOUT / "tests/packages").read_text().splitlines()
    recipe.update("\n".join(line for line in lines if line.startswith("guest:")).encode())
    emulator = subprocess.run(["qemu-system-x86_64", "--version"], stdout=subprocess.PIPE, check=True).stdout
    recipe.update(emulator + f"{MEMORY} {KERNEL_ARGUMENTS}".encode() + pathlib.Path("/etc/os-release").read_bytes())
    return recipe.hexdigest()[:16]


def qemu(image, folder, share_memory, *arguments):
    """The machine of IMAGE; everything that it leaves is in FOLDER. One processor of the emulator is one of ours."""
    memory = f"memory-backend-file,id=memory,size={MEMORY}M,mem-path={image}/memory,share={'on' if share_memory else 'off'}"
    return ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-M", "q35,memory-backend=memory", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max", "-smp", "2",
            "-m", str(MEMORY), "-object", memory, "-serial", f"file:{folder}/console",
            "-drive", f"file={image}/root.img,if=virtio,format=raw,cache=unsafe,snapshot={'off' if share_memory else 'on'}",
            "-drive", f"file={folder}/job,if=virtio,format=raw,cache=unsafe",
            "-device", "virtio-serial-pci",
            "-chardev", f"file,id=output,path={folder}/output", "-device", "virtserialport,chardev=output,name=output",
            "-chardev", f"file,id=status,path={folder}/status", "-device", "virtserialport,chardev=status,name=status",
            "-chardev", f"pipe,id=monitor,path={folder}/monitor", "-mon", "monitor,mode=readline", *arguments]


@contextlib.contextmanager
def machine(image, folder, share_memory, *arguments):
    """Runs one, with its monitor: a function that sends it a command. It has ended when this has."""
    for pipe in ("monitor.in", "monitor.out"):
        os.mkfifo(folder / pipe)
    with open(folder / "said", "wb") as said:
        process = subprocess.Popen(qemu(image, folder, share_memory, *arguments), stdin=subprocess.DEVNULL, stdout=said,
                                   stderr=said, env={**os.environ, "TMPDIR": str(folder)})
    # Neither end may wait for the other: it could have died.
    to = os.open(folder / "monitor.in", os.O_RDWR | os.O_CLOEXEC)
    answers = os.open(folder / "monitor.out", os.O_RDWR | os.O_CLOEXEC)
    log = open(folder / "monitor.log", "wb", buffering=0)

    def drain():
        with contextlib.suppress(OSError, ValueError):
            while True:
                log.write(os.read(answers, 65536))

    threading.Thread(target=drain, daemon=True).start()
    try:
        yield process, lambda *commands: os.write(to, "".join(f"{command}\n" for command in commands).encode())
    finally:
        process.kill()
        process.wait()
        log.close()
        os.close(to)    # the other one stays with its thread, until the program ends


def fail(folder, what):
    """What is known of a machine that did not do what it should."""
    tails = [testhost.read(folder / name)[-1500:].strip() for name in ("said", "monitor.log", "console")]
    raise VmError("\n".join([what, *(tail for tail in tails if tail)]))


def wait_for(folder, process, seconds, what, condition):
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None and not condition():
            fail(folder, f"the machine ended before {what}")
        if time.monotonic() > deadline:
            fail(folder, f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)


# --- the image ------------------------------------------------------------------------------------------

def make_image(image):
    try:
        made = subprocess.run([VM / "make-image", image], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=MAKE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise VmError(f"making the machine's image took longer than {MAKE_SECONDS} s") from None
    if made.returncode:
        raise VmError("the machine's image could not be made; it needs a mirror of Debian, as apt does:\n"
                      + made.stdout[-2000:].strip())


def save_booted(image):
    """Boots the image, waits until it is up, and saves it so."""
    with tempfile.TemporaryDirectory(dir=image) as name:
        folder = pathlib.Path(name)
        (folder / "status").touch()
        with open(folder / "job", "wb") as job:
            job.truncate(JOB_SIZE)
        boot = ["-kernel", image / "vmlinuz", "-initrd", image / "initrd", "-append", KERNEL_ARGUMENTS]
        with machine(image, folder, True, *boot) as (process, monitor):
            wait_for(folder, process, BOOT_SECONDS, "the system", lambda: "ready" in testhost.read(folder / "status"))
            if testhost.read(folder / "status").split() != ["ready", "running"]:
                fail(folder, f"the machine's system came up {testhost.read(folder / 'status')}")
            time.sleep(2)       # what it does once, after a boot, is done
            monitor("migrate_set_capability x-ignore-shared on", "migrate_set_parameter max-bandwidth 10G",
                    f'migrate "exec:cat > {image}/state"')

            def saved():
                monitor("info migrate")
                time.sleep(0.2)
                return "Migration status: completed" in testhost.read(folder / "monitor.log")

            wait_for(folder, process, 60, "the machine to be saved", saved)


def remove_old(kept):
    for folder in CACHE.glob("vm-*"):
        if folder != kept:
            shutil.rmtree(folder, ignore_errors=True)


def prepare():
    """The folder of the saved machine; makes it when there is none for this recipe, which takes minutes."""
    CACHE.mkdir(mode=0o700, parents=True, exist_ok=True)
    image = CACHE / f"vm-{key()}"
    with open(CACHE / ".lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not image.exists():
            remove_old(image)
            half = CACHE / "vm-new"
            half.mkdir()
            make_image(half)
            save_booted(half)
            half.rename(image)
    return image


# --- a run ----------------------------------------------------------------------------------------------

def write_job(folder, command, share, build):
    """`share`: a folder whose files are in `share/` for the command. A build becomes /job/install.tar."""
    files = folder / "files"
    (files / "share").mkdir(parents=True)
    if build:
        testhost.install_archive(build, folder).rename(files / "install.tar")
        command = f"bash /job/install || exit 125\n{command}"
        shutil.copy(VM / "guest/install", files / "install")
    if share:
        shutil.copytree(share, files / "share", symlinks=True, dirs_exist_ok=True)
    (files / "command").write_text(f"{command}\n")
    with open(folder / "job", "wb") as job:
        job.write(f"berth job {time.time():.0f}\n".encode())
        job.seek(1 << 20)
        job.flush()
        subprocess.run(["tar", "-c", "-C", files, "."], stdout=job, check=True)
        if job.seek(0, os.SEEK_END) > JOB_SIZE:
            raise VmError(f"the build and the files are more than {JOB_SIZE >> 20} MiB")
        job.truncate(JOB_SIZE)
    shutil.rmtree(files)


def follow(output, is_over, show):
    """Shows what comes, until all that had come when it was over has been shown."""
    with open(output, "rb") as stream:
        while True:
            last = is_over()
            while data := stream.read(65536):
                show(data)
            if last:
                return
            time.sleep(0.02)


def run(command, share=None, build=None, seconds=300, show=lambda data: None):
    """Runs a script of bash in a machine of its own; its exit status. show is called with what it says, as it comes."""
    image = prepare()
    with tempfile.TemporaryDirectory(prefix="vm-run-", dir="/var/tmp") as name:
        folder = pathlib.Path(name)
        (folder / "status").touch()
        (folder / "output").touch()
        write_job(folder, command, share, build)
        with machine(image, folder, False, "-incoming", "defer") as (process, monitor):
            monitor("migrate_set_capability x-ignore-shared on", f'migrate_incoming "exec:cat {image}/state"', "cont")
            deadline = time.monotonic() + seconds
            follow(folder / "output", lambda: process.poll() is not None or time.monotonic() > deadline, show)
            if process.poll() is None:
                fail(folder, f"the command took longer than {seconds} s")
        words = testhost.read(folder / "status").split()
        if "exit" not in words:
            fail(folder, "the machine ended without a word of the command")
        return int(words[-1])
