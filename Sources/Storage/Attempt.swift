import GRDB
import Gateway

extension Database {
    /// Does something, or nothing of it; what kept it from being done.
    ///
    /// - Throws: failures of the engine, which are everybody's.
    func attempt(_ body: () throws -> Void) throws -> (any Error)? {
        do {
            try inSavepoint {
                try body()
                return .commit
            }
            return nil
        } catch  where !StoreError.isOfTheEngine(error) {
            return error
        }
    }
}
