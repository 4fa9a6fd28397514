import GradiendPatch

extension PatchError {
  /// The error as this program tells it: the library knows of no command line, so what is said about
  /// an option names it here.
  var onCommandLine: PatchError {
    let text: String? =
      switch option {
      case .overwriting: "use --force to replace it"
      case .undo(let elementType):
        "with --output, --undo FILE keeps what that needs; a copy in F32 or \(elementType) needs none"
      case .newFiles: remedy?.replacing("write new files", with: "write new files with --output")
      case .valuesOnly:
        "leave them as they are with --values-only, or write new files with --output"
      case .sha256: remedy?.replacing("that check", with: "--sha256")
      case .rollback(let journal):
        "run the same command again to finish it, or with --rollback to undo it; if the files were "
          + "replaced since, remove \(journal)"
      case .adapterError:
        "choose a larger --rank, or --max-relative-error to allow a larger error; 'create' makes a patch, "
          + "which holds any update"
      case nil: remedy
      }
    return advising(text)
  }
}
