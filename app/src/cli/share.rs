//! `glasshouse share`: a model as a web page.

use super::export::{check_not_here, repository, upload_of};
use super::prelude::*;
use glasshouse_engine::formats::page::{self, Template};

pub(super) fn share(arguments: &ShareArguments) -> Result<()> {
    if arguments.link {
        return link(arguments);
    }
    let Some(to) = &arguments.to else { misuse!("name a folder or an .html file with --to") };
    check_not_here(to, "a shared page")?;
    let space = arguments.space || arguments.upload.is_some();
    if space && page::is_file_name(to) {
        misuse!("a Space is a folder; name one with --to");
    }
    drive(session::Options::default(), async |engine| {
        let ModelArguments { of, checkpoint } = &arguments.model;
        let (run, _) = trained::settings_of(engine, of).await?;
        let mut template = arguments.page.as_deref().map_or_else(Template::installed, Template::read)?;
        if let Some(home) = arguments.home.as_deref().or(crate::HOSTED_PAGE) {
            template = template.with_home(home)?;
        }
        let (checkpoint, to) = (Some(checkpoint.clone()), Some(to.clone()));
        let format = ExportFormat::Page { weights: arguments.weights, space };
        let command = Export::Model { run, checkpoint, format }.to(to, !arguments.force);
        let exported: answer::Exported = engine.ask_for_with(command, vec![template.into_bytes()]).await?;
        Ok(exported.files.iter().try_for_each(|file| say!("{file}"))?)
    })?;
    if let Some(repository) = &arguments.upload {
        return Ok(say!("upload it with: {}", upload_of(to, repository, "space"))?);
    }
    say!("open it in a browser, or put it on any web server; it needs neither a network nor Glasshouse")?;
    Ok(())
}

fn link(arguments: &ShareArguments) -> Result<()> {
    let Some(home) = arguments.home.as_deref().or(crate::HOSTED_PAGE) else {
        misuse!("a link needs the URL of a Glasshouse page; name one with --home");
    };
    page::check_address(home)?;
    drive(session::Options::default(), async |engine| {
        let ModelArguments { of, checkpoint } = &arguments.model;
        let (run, _) = trained::settings_of(engine, of).await?;
        let checkpoint = Some(checkpoint.clone());
        let command = Export::Model { run, checkpoint, format: ExportFormat::Link }.to(None, false);
        let show = |event, bytes: Vec<Vec<u8>>| {
            trained::note(&event);
            bytes.iter().try_for_each(|link| say!("{home}#{}", String::from_utf8_lossy(link)))?;
            Ok(())
        };
        engine.ask_with(command, Vec::new(), show).await
    })
}

#[derive(Args, Debug)]
pub struct ShareArguments {
    #[command(flatten)]
    pub model: ModelArguments,
    /// Folder to write, or one file if it ends in .html
    #[arg(long, value_name = "PATH", required_unless_present = "link")]
    pub to: Option<PathBuf>,
    /// Print a URL that contains the whole model, for small models
    #[arg(long, conflicts_with_all = ["to", "space", "upload", "page", "force", "weights"])]
    pub link: bool,
    /// Storage format of the matrices; compressed runs keep theirs
    #[arg(long, value_name = "TYPE", value_parser = choice::<WeightFormat>(), default_value = "f16")]
    pub weights: WeightFormat,
    /// Add the README of a static Space on Hugging Face
    #[arg(long)]
    pub space: bool,
    /// Write a Space and print the command that uploads it to this repository on Hugging Face
    #[arg(long, value_name = "OWNER/NAME", value_parser = repository)]
    pub upload: Option<String>,
    /// URL of the Glasshouse page for the link and for the button "Open in Glasshouse"
    #[arg(long, value_name = "URL")]
    pub home: Option<String>,
    /// Folder that web/build wrote [default: what is installed with the program]
    #[arg(long, value_name = "DIR")]
    pub page: Option<PathBuf>,
    /// Replace an existing page
    #[arg(long)]
    pub force: bool,
}
