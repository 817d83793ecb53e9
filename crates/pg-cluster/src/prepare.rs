//! A new data directory: by `initdb`, or in a tenth of the time from a template that an earlier `initdb` left in cargo's
//! target directory.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::binaries::{Binaries, run};
use crate::folder;
use crate::options::Options;
use crate::state::State;

/// Raised when what [`initdb`] does changes.
const TEMPLATE_VERSION: u32 = 1;

/// Password or nothing, also for those who are on this machine.
const ACCESS: &str = "\
local all         all              scram-sha-256
host  all         all 127.0.0.1/32 scram-sha-256
local replication all              scram-sha-256
host  replication all 127.0.0.1/32 scram-sha-256
";

/// Makes `FOLDER/data` ready to be started.
pub(crate) fn data(binaries: &Binaries, folder: &Path, state: &State, options: &Options) -> anyhow::Result<()> {
    let data = folder.join("data");
    if data.exists() {
        // An earlier attempt did not come to its end.
        std::fs::remove_dir_all(&data)?;
    }
    let template = if options.detached { None } else { template(binaries) };
    match template.filter(|template| is_ours(template)) {
        Some(template) => folder::copy(&template, &data, binaries.account()).context("cannot copy the template")?,
        None => initdb(binaries, &data)?,
    }
    folder::write(&data.join("pg_hba.conf"), ACCESS, binaries.account())?;
    let path = data.join("postgresql.conf");
    let configuration = std::fs::read_to_string(&path)? + &configuration(options);
    folder::write(&path, &configuration, binaries.account())?;
    let sql = format!("ALTER ROLE postgres PASSWORD '{}';\n", state.password);
    run(binaries.command("postgres").args(["--single", "-F", "-D"]).arg(&data).arg("postgres"), &sql)
        .context("cannot set the password")?;
    Ok(())
}

/// A new data directory, kept as the template if there is a place for it and none yet.
fn initdb(binaries: &Binaries, data: &Path) -> anyhow::Result<()> {
    let mut command = binaries.command("initdb");
    // Text is compared by its bytes: on every machine alike, and fastest.
    command.args(["--no-sync", "--no-instructions", "--username=postgres", "--locale=C", "--encoding=UTF8"]);
    run(command.arg("-D").arg(data), "")?;
    if let Some(template) = template(binaries).filter(|template| !template.exists()) {
        // Only for speed: where the target directory is another user's, there is none.
        drop(keep(data, &template));
    }
    Ok(())
}

fn keep(data: &Path, template: &Path) -> std::io::Result<()> {
    let parent = template.parent().unwrap_or(template);
    let copy = tempfile::Builder::new().prefix("postgres-template-").tempdir_in(parent)?;
    folder::copy(data, &copy.path().join("data"), None)?;
    // Whole or not at all. Another process may have been faster; its template is as good.
    std::fs::rename(copy.path().join("data"), template)
}

/// Whether there is a template, and it is not another user's.
fn is_ours(template: &Path) -> bool {
    let owner = std::fs::metadata(template).map(|metadata| metadata.uid());
    owner.is_ok_and(|owner| owner == rustix::process::geteuid().as_raw())
}

/// Where the template is: in the target directory from which we were started, which cargo marks.
fn template(binaries: &Binaries) -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let target = program.ancestors().skip(1).find(|directory| directory.join("CACHEDIR.TAG").is_file())?;
    Some(target.join(format!("postgres-template-{}-{TEMPLATE_VERSION}", binaries.version())))
}

fn configuration(options: &Options) -> String {
    let mut settings = vec![
        ("fsync", if options.fsync { "on" } else { "off" }),
        // Files in the data directory: a killed server leaves nothing in the machine's shared memory.
        ("dynamic_shared_memory_type", "mmap"),
        // One call instead of one for each of a thousand files: a restart after a crash takes a fifth of the time.
        ("recovery_init_sync_method", "syncfs"),
        // What a standby lacks is kept for it, but not until the disk is full.
        ("max_slot_wal_keep_size", "4GB"),
        ("log_line_prefix", "%m [%p] %q%u@%d "),
    ];
    settings.extend(options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let lines = settings.iter().map(|(name, value)| format!("{name} = '{}'\n", value.replace('\'', "''")));
    lines.collect()
}
