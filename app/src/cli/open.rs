//! `glasshouse open`: the window, or its page for a browser on another machine.

use super::arguments::{DEFAULT_PROJECT, OpenArguments, RemoteArguments, WindowArguments};
use super::prelude::*;
use super::window;
use crate::places::shelf;
use crate::serve::remote::{Remote, RemoteSettings};
use std::net::IpAddr;

pub(super) fn open(arguments: &OpenArguments) -> Result<()> {
    let OpenArguments { window, remote, served } = arguments;
    if !remote {
        if *served != RemoteArguments::default() {
            misuse!("--host, --port and --page are for --remote");
        }
        return window::window(window);
    }
    let WindowArguments { page_name, lesson, preset, seed, .. } = window;
    if page_name.is_some() || lesson.is_some() || preset.is_some() || seed.is_some() {
        misuse!("--remote serves the whole window; leave the other options except --project and --shelf out");
    }
    let folder = project(window, Path::new(DEFAULT_PROJECT))?.map(PathBuf::from);
    let shelf = window.shelf.clone().unwrap_or_else(shelf);
    drive(session::Options { shelf, ..session::Options::default() }, async |engine| {
        let remote = serve(engine, served, folder, false)?;
        interrupt::flags("ending; a run in training is saved")?.on_stop(remote.thread.stopper());
        let on_report = |report: Report| match report.event {
            Event::Failed { error } => bail!("{}", error.message),
            event => {
                trained::note(&event);
                Ok(())
            }
        };
        engine.relay(remote.thread.ended(), on_report).await
    })
}

/// Serves the page for a session, and prints its links.
pub(super) fn serve(
    engine: &mut Engine,
    arguments: &RemoteArguments,
    folder: Option<PathBuf>,
    watches: bool,
) -> Result<Remote> {
    let host = arguments.host.unwrap_or(IpAddr::from([127, 0, 0, 1]));
    let page = match &arguments.page {
        Some(page) => page.clone(),
        None => glasshouse_engine::installed_page().context(
            "the page is not installed with this program; run web/build, and name its folder with --page",
        )?,
    };
    let settings = RemoteSettings { host, port: arguments.port.unwrap_or_default(), page };
    let what = if watches { "watch and steer this run" } else { "open Glasshouse in a browser" };
    let invite = move |link: &str| report!("{what} (the link works once): {link}");
    let hub = engine.share(folder, watches);
    let remote = Remote::start(&settings, hub, invite).map_err(|reason| anyhow!(reason))?;
    if !host.is_loopback() {
        report!(
            "note: the connection is not encrypted; beyond a trusted network use `ssh -L PORT:localhost:PORT` instead of --host"
        );
    }
    Ok(remote)
}

/// The project folder to open: the named one, or the one that `train` makes without options, if it exists.
pub(super) fn project(arguments: &WindowArguments, default: &Path) -> Result<Option<String>> {
    let is_plain = arguments.shelf.is_none() && arguments.preset.is_none();
    let default = Some(default).filter(|folder| is_plain && Project::open(folder).is_ok());
    let Some(folder) = arguments.project.as_deref().or(default) else { return Ok(None) };
    let folder = std::path::absolute(folder).with_context(|| folder.display().to_string())?;
    let name = folder.display();
    ensure!(folder.is_dir(), "{name} is not a folder; name a project folder, or leave out --project");
    Ok(Some(name.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_that_was_just_trained_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (made, other) = (folder.path().join("glasshouse-project"), folder.path().join("other"));
        let none = WindowArguments::default();
        assert_eq!(project(&none, &made).unwrap(), None);
        std::fs::create_dir_all(&other).unwrap();
        assert_eq!(project(&none, &other).unwrap(), None, "a folder without a project");
        Project::open_or_create(&made).unwrap();
        assert_eq!(project(&none, &made).unwrap(), Some(made.display().to_string()));
        let named = WindowArguments { project: Some(other.clone()), ..WindowArguments::default() };
        assert_eq!(project(&named, &made).unwrap(), Some(other.display().to_string()));
        let shelf = WindowArguments { shelf: Some(other), ..WindowArguments::default() };
        assert_eq!(project(&shelf, &made).unwrap(), None, "the last project of that shelf");
    }
}
