import typer
app=typer.Typer()
@app.command("list")
def l(): pass
@app.command("show")
def s(): pass
