// What the operations take, give and throw is declared where it is made. Whoever imports this module
// means these too.
@_exported public import Adapter
@_exported public import PatchEngine
@_exported public import Pictures
@_exported public import Publishing
