//! A server that collections of the archive are in.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use archive_cluster::server::{Kind, Server};
use clap::ValueEnum;

/// What the servers speak; none of them is the real thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArchiveKind {
    /// The protocol of MongoDB
    Mongodb,
    /// The protocol of DynamoDB
    Dynamodb,
}

impl ArchiveKind {
    pub(super) const ALL: [Self; 2] = [Self::Mongodb, Self::Dynamodb];

    /// As it is said on a command line.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Mongodb => "mongodb",
            Self::Dynamodb => "dynamodb",
        }
    }

    const fn server(self) -> Kind {
        match self {
            Self::Mongodb => Kind::MongoDb,
            Self::Dynamodb => Kind::DynamoDb,
        }
    }
}

/// What is in an archive, and in which kind if there are several.
const COLLECTIONS: [(&str, ArchiveKind); 2] =
    [("completed_trades", ArchiveKind::Dynamodb), ("audit_logs", ArchiveKind::Mongodb)];

#[derive(Debug)]
pub(super) struct Archive {
    kind: ArchiveKind,
    folder: PathBuf,
}

impl Archive {
    pub(super) fn of(place: &Path, kind: ArchiveKind) -> Self {
        Self { kind, folder: place.join(format!("archive-{}", kind.word())) }
    }

    /// Those that were made.
    pub(super) fn made(place: &Path) -> anyhow::Result<Vec<Self>> {
        let mut made = Vec::new();
        for kind in ArchiveKind::ALL {
            let archive = Self::of(place, kind);
            if archive.exists()? {
                made.push(archive);
            }
        }
        Ok(made)
    }

    pub(super) fn name(&self) -> String {
        format!("{}-1", self.kind.word())
    }

    pub(super) fn exists(&self) -> anyhow::Result<bool> {
        Ok(self.open()?.is_some())
    }

    /// Starts it where it does not run, and makes it where it is not there.
    pub(super) fn up(&self) -> anyhow::Result<()> {
        if let Some(mut server) = self.open()? {
            if !server.is_running() {
                server.restart()?;
            }
        } else {
            println!("making {}", self.name());
            drop(Server::start(self.kind.server(), &self.folder, true)?);
        }
        Ok(())
    }

    pub(super) fn down(&self) -> anyhow::Result<()> {
        self.server()?.stop()
    }

    /// Of its database, or its tables.
    pub(super) fn url(&self) -> anyhow::Result<String> {
        Ok(match self.kind {
            ArchiveKind::Mongodb => format!("{}/buttonwood", self.server()?.url()),
            ArchiveKind::Dynamodb => format!("dynamodb://eu-central-1/buttonwood?endpoint={}", self.server()?.url()),
        })
    }

    pub(super) fn status(&self) -> anyhow::Result<String> {
        let mut server = self.server()?;
        let (name, port) = (self.name(), server.address().port());
        if !server.is_running() {
            return Ok(format!("{name:16} port {port}  stopped"));
        }
        Ok(format!("{name:16} port {port}  process {}", server.process_id().unwrap_or_default()))
    }

    fn open(&self) -> anyhow::Result<Option<Server>> {
        Server::open(self.kind.server(), &self.folder)
    }

    fn server(&self) -> anyhow::Result<Server> {
        self.open()?.with_context(|| format!("{} is gone", self.name()))
    }
}

/// What the venue needs to know of all of them.
pub(super) fn configuration(archives: &[Archive]) -> anyhow::Result<String> {
    let Some(first) = archives.first() else { return Ok(String::new()) };
    let mut text = String::from("\n[archive]\n");
    for (collection, kind) in COLLECTIONS {
        let home = archives.iter().find(|archive| archive.kind == kind).unwrap_or(first);
        writeln!(text, "{collection} = \"{}\"", home.name())?;
    }
    for archive in archives {
        let (name, kind, url) = (archive.name(), archive.kind.word(), archive.url()?);
        write!(text, "\n[[archives]]\nname = \"{name}\"\nkind = \"{kind}\"\nurl = \"{url}\"\n")?;
    }
    Ok(text)
}
