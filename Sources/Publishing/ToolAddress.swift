/// Where people get this tool.
public enum ToolAddress {
  /// The address of the project: cards link it, and the metadata of the wheel have it. Empty until the
  /// project has one.
  public static let project = ""
}
