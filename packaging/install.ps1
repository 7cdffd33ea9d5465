# Installs the latest release of Glasshouse for the current user on Windows:
#
#   irm https://github.com/glasshouse-ml/glasshouse/releases/latest/download/install.ps1 | iex
#
# GLASSHOUSE_RELEASE is the URL of the archives, GLASSHOUSE_BIN the installation folder.
& {
    $ErrorActionPreference = "Stop"
    $ProgressPreference = "SilentlyContinue"
    $release = if ($env:GLASSHOUSE_RELEASE) { $env:GLASSHOUSE_RELEASE } else { "https://github.com/glasshouse-ml/glasshouse/releases/latest/download" }
    $place = if ($env:GLASSHOUSE_BIN) { $env:GLASSHOUSE_BIN } else { Join-Path $env:LOCALAPPDATA "Programs\Glasshouse" }
    $name = "glasshouse-x86_64-pc-windows-msvc"
    $work = Join-Path ([IO.Path]::GetTempPath()) ([Guid]::NewGuid())
    New-Item -ItemType Directory $work | Out-Null
    try {
        foreach ($file in "$name.zip", "$name.zip.sha256") {
            try { Invoke-WebRequest "$release/$file" -OutFile (Join-Path $work $file) -UseBasicParsing }
            catch { throw "$file could not be downloaded; nothing was changed. Check the connection and run this again ($_)" }
        }
        $wanted = (Get-Content (Join-Path $work "$name.zip.sha256")).Split(" ")[0]
        $sum = (Get-FileHash (Join-Path $work "$name.zip") -Algorithm SHA256).Hash
        if ($sum -ne $wanted) { throw "$name.zip arrived damaged; nothing was changed. Run this again" }
        Expand-Archive (Join-Path $work "$name.zip") $work
        $program = Join-Path $work "$name\glasshouse.exe"
        $version = & $program --version
        if ($LASTEXITCODE -ne 0) { throw "the program does not run on this machine; nothing was changed" }
        New-Item -ItemType Directory -Force $place | Out-Null
        Move-Item -Force (Join-Path $work "$name\third-party-licenses") $place
        $web = Join-Path $place "glasshouse-web"
        # Another drive than that of the temporary folder takes only copies of folders.
        Copy-Item -Recurse (Join-Path $work "$name\glasshouse-web") "$web.new"
        if (Test-Path $web) { Remove-Item -Recurse -Force $web }
        Move-Item "$web.new" $web
        Move-Item -Force $program $place
        Write-Output "$version was installed in $place"
        $path = [Environment]::GetEnvironmentVariable("Path", "User")
        if (";$path;" -notlike "*;$place;*") {
            [Environment]::SetEnvironmentVariable("Path", "$place;$path", "User")
            Write-Output "note: $place was added to PATH; open a new terminal"
        }
    } finally {
        Remove-Item -Recurse -Force $work
    }
}
